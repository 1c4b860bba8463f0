import type { Entry } from '../entry.js';
import { Observable } from '../observable.js';
import { modeOf, type Mode, type ModeChoice } from '../rollout/mode.js';
import { ShadowReport } from '../rollout/shadow-report.js';
import { Outbox, type Conflict, type OutboxStatus } from '../outbox.js';
import { createTransport, type Transport } from '../transport.js';
import { Chats } from './chats/replica.js';
import { openDatabase, type Database } from './database.js';
import { Documents } from './documents.js';
import { Feed } from './feed.js';
import { Follower } from './follower.js';
import { browserId, localText, type SyncStorage } from './identity.js';
import { LocalCopies } from './local-copy.js';
import { OldCopies, SET_ASIDE } from './old-copy.js';
import { isOfChats, type Replica } from './replica.js';
import { TabOutbox } from './tab-outbox.js';
import { openTab, type Tabs } from './tabs.js';
import type { StoreState, Told } from './store-state.js';

export interface ConnectOptions {
  /** Before `/api/…`; by default `/_holdfast`, which is where the proxy has it. */
  url?: string;
  token?: string | undefined;
  fetch?: typeof fetch | undefined;
  /** Names this browser; by default a random name that is kept. Each tab adds one of its own. */
  clientId?: string | undefined;
  /** Where the stores live; by default on the server. */
  mode?: ModeChoice | undefined;
  /** The name of the IndexedDB database. */
  database?: string;
  /** By default the page's; `null` for none. */
  locks?: LockManager | null;
  /** How often to ask for changes where the browser has no locks, in milliseconds. */
  pollMs?: number;
  /** What the server told before the page started, and how to ask while it waits: see `./middleware`. */
  seed?: StoreState | null;
  readNow?: (name: string) => Told;
}

/** `failed` also when a store could not be loaded: what is written to it is not saved. */
export interface Status extends OutboxStatus {
  /** Stores that could not be loaded, and why. */
  failures: Readonly<Record<string, string>>;
}

/** What all stores of a page share: the way to the server, pending writes, and the feed of changes. */
export class Holdfast {
  readonly browser: string;
  readonly mode: Mode;
  readonly copies: LocalCopies;
  /** What was seen in `shadow` mode. */
  readonly report = new ShadowReport();
  readonly transport: Transport;
  readonly outbox: Outbox;
  readonly documents: Documents;
  readonly database: Promise<Database>;
  readonly entries: TabOutbox;
  readonly status: Observable<Status>;
  readonly texts: SyncStorage;
  /** What the browser still has from before, and whether it may go. */
  readonly oldCopies: OldCopies;
  readonly #replicas: Replica[] = [];
  readonly #tabs: Tabs;
  readonly #follower: Follower;
  readonly #feed: Feed;
  readonly #closing: (() => void)[] = [];
  #failures: Record<string, string> = {};
  readonly #reachedListeners = new Set<() => void>();
  #chats: Chats | undefined;

  constructor(options: ConnectOptions = {}) {
    const locks = options.locks === undefined ? pageLocks() : (options.locks ?? undefined);
    this.texts = localText();
    this.browser = options.clientId ?? browserId(this.texts);
    this.mode = modeOf(options.mode ?? 'server', this.browser);
    this.copies = new LocalCopies(this.texts);
    this.#tabs = openTab(locks, this.texts);
    const clientId = `${this.browser}-${this.#tabs.id}`;
    const { url = '/_holdfast', token, fetch } = options;
    this.transport = createTransport({ url, token, fetch, clientId });
    this.database = openDatabase(options.database);
    this.database.catch(() => undefined);
    this.oldCopies = new OldCopies(this.texts, this.transport, this.database);
    this.oldCopies.note(this.mode === 'server');
    this.entries = new TabOutbox(this.database, this.#tabs);
    this.documents = new Documents({
      transport: this.transport,
      outbox: () => this.outbox,
      copies: this.mode === 'shadow' ? new LocalCopies(this.texts, 'holdfast:shadow') : this.copies,
      browser: this.browser,
      clientId,
      keep: (name, value) => void this.keep(`${SET_ASIDE}${name}`, value),
      ...('seed' in options ? { seed: options.seed ?? null } : {}),
      ...(options.readNow ? { readNow: options.readNow } : {}),
    });
    this.#replicas.push(this.documents);
    this.outbox = this.#openOutbox();
    this.status = new Observable<Status>({ ...this.outbox.status.get(), failures: {} });
    this.#closing.push(this.outbox.status.subscribe(() => this.#report()));
    this.#follower = new Follower(
      this.transport,
      () => this.#replicas,
      () => this.#reached(),
    );
    this.#feed = new Feed({
      transport: this.transport,
      locks,
      name: `holdfast ${options.database ?? ''}${url}`,
      after: () => this.#follower.cursor,
      onEvent: (event) => this.#follower.onEvent(event),
      onDoubt: () => this.#follower.ask(),
      onLead: () => void this.#adopt(),
      ...(options.pollMs === undefined ? {} : { pollMs: options.pollMs }),
    });
    if (this.mode === 'local') this.outbox.stop();
    else this.#feed.start();
    this.#listen();
  }

  /** Sends what is pending now; resolves when nothing is, or a try has failed. */
  async flush(): Promise<void> {
    for (const replica of this.#replicas) replica.commit();
    await this.outbox.flush();
  }

  /** Takes in what others changed, without waiting for the feed to tell. */
  refresh(): Promise<void> {
    return this.#follower.now();
  }

  /** Ends the page's part: nothing more is sent or received. Pending writes stay for the next visit. */
  async close(): Promise<void> {
    for (const replica of this.#replicas) replica.commit();
    this.#feed.stop();
    const followed = this.#follower.stop();
    this.outbox.stop();
    for (const end of this.#closing) end();
    await followed;
    await this.outbox.flush().catch(() => undefined);
    this.#tabs.close();
    if (current === this) current = undefined;
    await this.database.then(
      (database) => database.close(),
      () => undefined,
    );
  }

  /** The conversations, for the store that keeps them. */
  get chats(): Chats {
    if (!this.#chats) {
      const { transport, entries, database } = this;
      const clientId = transport.options.clientId ?? '';
      this.#chats = new Chats({
        transport,
        entries,
        database,
        clientId,
        outbox: () => this.outbox,
        onLoaded: () => this.#follower.ask(),
      });
      this.#replicas.push(this.#chats);
    }
    return this.#chats;
  }

  /** Says that a store could not be loaded, or with `undefined` that it was. */
  reportLoad(name: string, problem: string | undefined): void {
    const { [name]: _, ...others } = this.#failures;
    this.#failures = problem === undefined ? others : { ...others, [name]: problem };
    this.#report();
  }

  /** Calls `listener` each time that the server was reached, until the returned function is called. */
  onReached(listener: () => void): () => void {
    this.#reachedListeners.add(listener);
    return () => this.#reachedListeners.delete(listener);
  }

  /** Remembers something of this browser beside the stores. */
  async keep(key: string, value: unknown): Promise<void> {
    await (await this.database).put('meta', value, key);
  }

  dismissConflicts(): void {
    this.outbox.dismissConflicts();
  }

  #openOutbox(): Outbox {
    return new Outbox({
      storage: this.entries,
      transport: this.transport,
      seen: (entity) => this.#replicaOf(entity)?.seen(entity) ?? null,
      readConversation: (id) => this.#chats?.find(id),
      onAcknowledged: (entry, revision) => {
        this.entries.acknowledge(entry, revision);
        this.#replicaOf(entry)?.onAcknowledged(entry, revision);
      },
      onResolved: (entry, resolution) => this.#replicaOf(entry)?.onResolved(entry, resolution) ?? false,
    });
  }

  #replicaOf({ kind }: Pick<Entry, 'kind'>): Replica | undefined {
    if (isOfChats(kind)) return this.#chats;
    return kind === 'asset' ? undefined : this.documents;
  }

  async #adopt(): Promise<void> {
    try {
      this.#tabs.beat();
      await this.outbox.ready;
      const left = await this.entries.adopt((entry) => !this.outbox.has(entry));
      if (left.length === 0) return;
      for (const entry of left) this.#replicaOf(entry)?.onAdopted(entry);
      await this.outbox.adopt(left);
    } catch {
      // They stay where they are until the next leader.
    }
  }

  #listen(): void {
    if (typeof addEventListener !== 'function') return;
    const onHide = () => {
      for (const replica of this.#replicas) replica.commit();
      this.outbox.flushOnHide();
      if (this.mode === 'shadow') void this.report.send(this.transport, true).catch(() => undefined);
    };
    const onBack = () => {
      this.#follower.ask();
      void this.outbox.flush().catch(() => undefined);
    };
    for (const [name, listener] of [
      ['pagehide', onHide],
      ['online', onBack],
      ['pageshow', onBack],
    ] as const) {
      addEventListener(name, listener);
      this.#closing.push(() => removeEventListener(name, listener));
    }
  }

  #reached(): void {
    for (const listener of [...this.#reachedListeners]) listener();
  }

  #report(): void {
    const status = this.outbox.status.get();
    const [problem] = Object.values(this.#failures);
    const failed = problem === undefined ? {} : { state: 'failed' as const, problem };
    this.status.set({ ...status, ...failed, failures: this.#failures });
  }
}

let current: Holdfast | undefined;

/** Connects the page to the server. All stores of the page share what the first call made. */
export function connect(options: ConnectOptions = {}): Holdfast {
  current ??= new Holdfast(options);
  return current;
}

/** Whether this is a browser: on the server side of an app its stores are not kept. */
export function isBrowser(): boolean {
  return typeof indexedDB !== 'undefined';
}

function pageLocks(): LockManager | undefined {
  return typeof navigator === 'undefined' ? undefined : (navigator as { locks?: LockManager }).locks;
}

export type { Conflict };

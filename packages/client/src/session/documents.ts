import { costEdits, withCosts } from '../costs.js';
import { earlier, epochOf, seqOf, type Cursor } from '../cursor.js';
import type { DocumentValue, Edit } from '../edit.js';
import type { Entry } from '../entry.js';
import { mergeJson } from '../merge.js';
import type { Outbox } from '../outbox.js';
import type { Resolution } from '../resolve.js';
import type { Transport } from '../transport.js';
import { AckClock } from './ack-clock.js';
import { fromText, reconcile, sameValue, toText, type Known, type Reconciled } from './document.js';
import type { LocalCopies, TextStorage } from './local-copy.js';
import { Pace } from './pace.js';
import { isOfChats, type FeedChange, type Replica } from './replica.js';
import { Serial } from './serial.js';
import { isDeviceLocal, readState, readStore, type StoreState, type Told } from './store-state.js';

/** What a store costs the server while its app changes it all the time: a slider, a streamed text. */
const PACE_MS = 250;

export interface DocumentsOptions {
  transport: Transport;
  outbox: () => Outbox;
  copies: LocalCopies;
  /** Whose device-local stores. */
  browser: string;
  clientId: string;
  /** What the server told before the page started; `null` when it did not answer. */
  seed?: StoreState | null;
  /** Reads one store while the page waits, where stores must be there at once. */
  readNow?: (name: string) => Told;
  /** A value that another device's came before. */
  keep: (name: string, value: DocumentValue) => void;
}

/** How an open store is told of what other tabs and devices made of it. */
export type Receive = (value: DocumentValue | null) => void;

interface Open {
  name: string;
  local: TextStorage;
  view: DocumentValue | null;
  server: DocumentValue | null;
  isLent: boolean;
  pace: Pace;
  receive?: Receive | undefined;
}

/** The stores that are documents: what the app has of them, and what the server has. */
export class Documents implements Replica {
  readonly #options: DocumentsOptions;
  readonly #open = new Map<string, Open>();
  readonly #told = new Map<string, Told>();
  /** Stores of counters that only grow: what is added is sent, never their sum. */
  readonly #additive = new Set<string>();
  readonly #clock = new AckClock();
  readonly #serial = new Serial();
  /** Stores that changed elsewhere while edits of ours were on their way, and what was seen of them. */
  readonly #behind = new Map<string, Cursor | null>();
  #isWhole = false;
  #started: Promise<void> | undefined;
  #isReady = false;
  #isAway = false;
  #trouble: unknown;
  #cursor: Cursor | null;

  constructor(options: DocumentsOptions) {
    this.#options = options;
    this.#cursor = options.copies.cursor;
    if (options.seed) this.#take(options.seed, null, 0);
    this.#isReady = options.seed !== undefined;
    this.#isAway = options.seed === null;
  }

  get cursor(): Cursor | null {
    return this.#cursor;
  }

  /** Gives the store's value, at once where it can. Throws, or rejects, when it is known neither here nor there. */
  open(name: string, local: TextStorage): DocumentValue | null | Promise<DocumentValue | null> {
    const open = this.#open.get(name);
    if (open) return this.#again(open);
    if (!this.#isReady) return this.#start().then(() => this.open(name, local));
    const text = local.getItem(name);
    if (isPromise(text)) return Promise.resolve(text.then((t) => this.#openWith(name, local, fromText(t))));
    return this.#openWith(name, local, fromText(text));
  }

  /** From now on the store's counters are added up over all devices. */
  addUp(name: string): void {
    this.#additive.add(name);
  }

  /** Tells `receive` of what others make of the store, until the returned function is called. */
  subscribe(name: string, receive: Receive): () => void {
    const open = this.#open.get(name);
    if (open) open.receive = receive;
    return () => {
      if (open?.receive === receive) open.receive = undefined;
    };
  }

  /** What the app has of a store that is open. */
  view(name: string): DocumentValue | null {
    return this.#open.get(name)?.view ?? null;
  }

  write(name: string, value: DocumentValue): unknown {
    const open = this.#open.get(name);
    if (!open) throw new Error(`The store '${name}' is saved before it was loaded`);
    const beside = open.view?.beside;
    const next = beside ? { ...value, beside } : value;
    if (open.view && sameValue(open.view, next)) return undefined;
    open.view = next;
    this.#options.copies.markEdited(name, open.server);
    open.pace.ask();
    return this.#mirror(open);
  }

  /** Deletes the store, here and on the server; its history keeps it. */
  remove(name: string, local: TextStorage): void {
    const open = this.#open.get(name);
    local.removeItem(name);
    this.#options.copies.know(name, { base: null });
    if (open) [open.view, open.server] = [null, null];
    void this.#add({ kind: 'document', op: 'delete', id: name, ...this.#device(name) });
  }

  commit(): void {
    for (const { pace } of this.#open.values()) pace.now();
  }

  seen(entity: { id: string }): Cursor | null {
    return this.#behind.has(entity.id) ? (this.#behind.get(entity.id) ?? null) : this.#cursor;
  }

  async changed(changes: readonly FeedChange[], at: Cursor): Promise<void> {
    const [own, before] = [this.#options.clientId, this.#cursor];
    const isNew = (c: FeedChange) =>
      before === null || epochOf(before) !== epochOf(at) || c.seq > seqOf(before);
    if (changes.some((c) => !isOfChats(c.kind) && c.client !== own && isNew(c))) await this.refresh();
    this.#advance(at);
    // What could not be read when it was due.
    this.#catchUpOn(...this.#behind.keys());
  }

  refresh(): Promise<void> {
    return this.#serial.run(async () => {
      const { transport, browser } = this.#options;
      const [before, asked] = [this.#cursor, this.#clock.now];
      this.#take(await readState(transport, before, browser), before, asked);
      this.#isAway = false;
    });
  }

  onAdopted(entry: Entry): void {
    const names = entry.kind === 'cost' ? this.#additive : [entry.id];
    for (const name of names) if (this.#open.has(name)) this.#fallBehind(name, this.#cursor);
  }

  onAcknowledged(entry: Entry): void {
    if (entry.kind === 'cost') {
      for (const name of this.#additive) this.#clock.acknowledged(name);
      this.#catchUpOn(...this.#additive);
      return;
    }
    this.#clock.acknowledged(entry.id);
    const open = this.#open.get(entry.id);
    const isDone = !this.#options.outbox().has(entry);
    if (!open) {
      // Another visit's edit of a store that is not open yet: its copy has it.
      if (isDone && this.#options.copies.known(entry.id)) this.#options.copies.know(entry.id, {});
      return;
    }
    open.server = entry.op === 'delete' ? null : (JSON.parse(entry.body ?? 'null') as DocumentValue);
    open.isLent = false;
    if (!isDone) return;
    this.#settle(open);
    this.#catchUpOn(entry.id);
  }

  onResolved(entry: Entry, resolution: Resolution): boolean {
    const open = this.#open.get(entry.id);
    if (!open?.receive || resolution.server === undefined) return false;
    const retry = resolution.entries.find((e) => e.key === entry.key);
    const theirs = (retry?.baseBody ? JSON.parse(retry.baseBody) : resolution.server) as DocumentValue;
    const written = entry.body === undefined ? undefined : (JSON.parse(entry.body) as unknown);
    const value = mergeJson(written, open.view ?? undefined, resolution.server).value as DocumentValue;
    open.server = theirs;
    this.#show(open, value);
    return true;
  }

  #start(): Promise<void> {
    this.#started ??= this.refresh().then(
      () => void (this.#isReady = true),
      (error: unknown) => {
        this.#started = undefined;
        this.#isReady = this.#isAway = true;
        this.#trouble = error;
      },
    );
    return this.#started;
  }

  #again(open: Open): DocumentValue | null {
    open.pace.now();
    return open.view;
  }

  #openWith(
    name: string,
    local: TextStorage,
    copy: DocumentValue | null,
  ): DocumentValue | null | Promise<DocumentValue | null> {
    const known = this.#options.copies.known(name);
    const told = this.#told.get(name) ?? toldBefore(known);
    if (told) return this.#begin(name, local, copy, told);
    // A copy that is gone although the server has the store was removed by somebody else: it is read anew.
    if (known && (copy !== null || 'base' in known)) return this.#begin(name, local, copy, undefined);
    if (this.#isWhole) return this.#begin(name, local, copy, NOTHING);
    if (this.#isAway) return this.#beginAlone(name, local, copy);
    const { readNow, transport, browser } = this.#options;
    if (readNow) return this.#begin(name, local, copy, readNow(name));
    return readStore(transport, name, browser).then((found) => this.#begin(name, local, copy, found));
  }

  /** The server does not answer and was never asked about this store: the browser's own copy is all there is. */
  #beginAlone(name: string, local: TextStorage, copy: DocumentValue | null): DocumentValue | null {
    if (copy) return this.#begin(name, local, copy, NOTHING);
    const cause = this.#trouble;
    // The next try asks again.
    this.#isReady = this.#options.seed === null;
    throw cause instanceof Error ? cause : new Error(`The server does not answer, and '${name}' is not here`);
  }

  #begin(
    name: string,
    local: TextStorage,
    copy: DocumentValue | null,
    told: Told | undefined,
  ): DocumentValue | null {
    const { copies, keep } = this.#options;
    const known = copies.known(name);
    const { view, server, lost } = this.#added(name, copy, told) ?? reconcile(known, copy, told?.value);
    if (lost) keep(name, lost);
    const isLent = told?.isLent ?? false;
    const pace = new Pace(() => this.#handOver(open), PACE_MS);
    const open: Open = { name, local, view, server, isLent, pace };
    this.#open.set(name, open);
    this.#told.delete(name);
    if (told && this.#additive.has(name)) this.#fallBehind(name, this.#cursor);
    const isEdited = view !== null && !(server && sameValue(view, server));
    copies.know(name, isEdited || view === null ? { base: server } : {});
    if (view && !(copy && sameValue(copy, view))) void this.#mirror(open);
    if (isEdited) pace.ask();
    return view;
  }

  /** Counters that were added to here, and not handed over before the last page ended: on top of what all have. */
  #added(name: string, copy: DocumentValue | null, told: Told | undefined): Reconciled | undefined {
    const known = this.#options.copies.known(name);
    if (!this.#additive.has(name) || !copy || !told?.value || !known || !('base' in known)) return undefined;
    const edits = costEdits(known.base ?? null, copy);
    const values = edits?.map((e) => e.value);
    return values && { view: withCosts(told.value, values), server: told.value };
  }

  #take(state: StoreState, before: Cursor | null, asked: number): void {
    if (state.isWhole) {
      this.#isWhole = true;
      for (const name of this.#open.keys()) if (!state.told.has(name)) state.told.set(name, NOTHING);
    }
    for (const [name, told] of state.told) this.#tell(name, told, before, asked);
    this.#advance(state.cursor);
  }

  #tell(name: string, told: Told, before: Cursor | null, asked: number): void {
    const open = this.#open.get(name);
    if (open) {
      open.pace.now();
      if (!this.#isPending(name) && !this.#clock.isStale(name, asked) && open.receive) {
        this.#receive(open, told);
        return;
      }
      this.#fallBehind(name, before);
      this.#catchUpOn(name);
      return;
    }
    this.#told.set(name, told);
    const known = this.#options.copies.known(name);
    if (known) this.#options.copies.know(name, { ...known, told: told.value });
  }

  /** Whether writes of the store are on their way: what is read of it meanwhile may be without them. */
  #isPending(name: string): boolean {
    const outbox = this.#options.outbox();
    const costs = this.#additive.has(name) && outbox.pending().some((e) => e.kind === 'cost');
    return costs || outbox.has({ kind: 'document', id: name });
  }

  #fallBehind(name: string, seen: Cursor | null): void {
    if (!this.#behind.has(name)) this.#behind.set(name, seen);
  }

  #receive(open: Open, told: Told): void {
    open.server = told.value;
    open.isLent = told.isLent;
    if (told.value === null || (open.view && sameValue(open.view, told.value))) return;
    this.#show(open, told.value);
    this.#settle(open);
  }

  #show(open: Open, value: DocumentValue): void {
    open.view = value;
    void this.#mirror(open);
    open.receive?.(value);
  }

  /** What was skipped while our edits were on their way is read once they are done. */
  #catchUpOn(...names: string[]): void {
    for (const name of names) {
      const open = this.#open.get(name);
      // The outbox takes an entry out after it has told of it.
      if (open) queueMicrotask(() => void this.#catchUp(open).catch(() => undefined));
    }
  }

  #catchUp(open: Open): Promise<void> {
    const { transport, browser } = this.#options;
    const { name } = open;
    return this.#serial.run(async () => {
      if (!this.#behind.has(name) || this.#isPending(name) || !open.receive) return;
      const asked = this.#clock.now;
      const told = await readStore(transport, name, browser);
      open.pace.now();
      if (this.#isPending(name)) return;
      if (this.#clock.isStale(name, asked)) return this.#catchUpOn(name);
      this.#behind.delete(name);
      this.#receive(open, told);
      this.#saveCursor();
    });
  }

  #settle(open: Open): void {
    if (open.view && open.server && sameValue(open.view, open.server))
      this.#options.copies.know(open.name, {});
  }

  #handOver(open: Open): void {
    const { view, server, name, isLent } = open;
    const isPending = this.#options.outbox().has({ kind: 'document', id: name });
    if (!view || (!isPending && server && sameValue(view, server))) return this.#settle(open);
    if (this.#additive.has(name) && !isPending && this.#handOverCosts(open, view)) return;
    const before = isLent ? null : server;
    void this.#add({ kind: 'document', op: 'put', id: name, value: view, before, ...this.#device(name) });
  }

  /** Sends what was added. False where a counter was set back: that is a new value of the store. */
  #handOverCosts(open: Open, view: DocumentValue): boolean {
    const edits = costEdits(open.server, view);
    if (!edits) return false;
    open.server = view;
    // Kept by the outbox they are counted, and must not be told from the copy once more.
    if (edits.length > 0) void this.#add(...edits).then(() => this.#settle(open));
    return true;
  }

  #add(...edits: Edit[]): Promise<void> {
    // The outbox tells in its status when it cannot keep an edit.
    return this.#options
      .outbox()
      .add(edits)
      .catch(() => undefined);
  }

  #device(name: string): { device?: string } {
    return isDeviceLocal(name) ? { device: this.#options.browser } : {};
  }

  /** The browser's own copy follows: it is what a page starts with, and the way back. */
  #mirror(open: Open): unknown {
    if (!open.view) return undefined;
    // Without room for it the next start asks for everything again.
    const drop = () => {
      open.local.removeItem(open.name);
      this.#options.copies.cursor = null;
    };
    try {
      const wrote = open.local.setItem(open.name, toText(open.view));
      return isPromise(wrote) ? Promise.resolve(wrote).catch(drop) : wrote;
    } catch {
      return drop();
    }
  }

  #advance(at: Cursor): void {
    const now = this.#cursor;
    if (now !== null && epochOf(now) === epochOf(at) && seqOf(now) >= seqOf(at)) return;
    this.#cursor = at;
    this.#saveCursor();
  }

  /** What this page has seen and not taken in, the next one has to be told again. */
  #saveCursor(): void {
    this.#options.copies.cursor = [...this.#behind.values()].reduce(earlier, this.#cursor);
  }
}

const NOTHING: Told = { value: null, isLent: false };

function toldBefore(known: Known | undefined): Told | undefined {
  return known?.told === undefined ? undefined : { value: known.told, isLent: false };
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | undefined)?.then === 'function';
}

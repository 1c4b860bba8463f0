import { epochOf, type Cursor } from '../../client/src/cursor.js';
import type { Edit } from '../../client/src/edit.js';
import { Outbox } from '../../client/src/outbox.js';
import { grantPersistence, reloadWhenPromoted } from './app-lock.js';
import { assetEdits, MissingAssets } from './assets.js';
import { readAsset } from './assets-db.js';
import { Chats } from './chats.js';
import { followFeed } from './feed.js';
import { hydrate } from './hydrate.js';
import { Keyval, openKeyval } from './keyval.js';
import { watchLocalStorage } from './local-storage.js';
import { unmarkAll } from './marks.js';
import { newId } from './native.js';
import { watchObjectStores } from './object-stores.js';
import { readOwn, setKnown, updateOwn } from './own.js';
import { Pill } from './pill.js';
import { Progress } from './progress.js';
import { hasSettings, seed } from './seed.js';
import { askState, createServer, type ServerState } from './server.js';
import { claimTab } from './tab.js';

/**
 * What becomes of the app's writes: kept as pending until it is decided, sent, or the app's own affair, as in a browser
 * whose data was not moved to the server, or in a tab that is not the one.
 */
type Mode = 'starting' | 'mirrored' | 'local';

/** What the server said at the start, and after which cursor it was asked. */
interface Start {
  state: ServerState;
  after: Cursor | undefined;
}

export class Bridge {
  readonly outbox: Outbox;
  readonly #client = readOwn().client;
  readonly #server = createServer(this.#client);
  readonly #keyval = new Keyval(openKeyval());
  readonly #progress = new Progress(this.#keyval);
  readonly #chats = new Chats();
  readonly #missing = new MissingAssets(this.#server);
  readonly #pill: Pill;
  #mode: Mode = 'starting';
  /** Lets the outbox load and send. */
  #startOutbox: () => void = () => undefined;
  /** Lets the app read its chats. */
  #openChats: () => void = () => undefined;

  constructor() {
    const mayStart = new Promise<void>((resolve) => (this.#startOutbox = resolve));
    this.outbox = new Outbox({
      storage: {
        load: () => mayStart.then(() => this.#keyval.load()),
        write: (put, remove) => this.#keyval.write(put, remove),
      },
      transport: this.#server.transport,
      seen: ({ kind }) => (kind === 'document' ? (readOwn().cursor ?? null) : this.#progress.at),
      readAsset,
      readConversation: (id) => this.#chats.conversations.find((c) => c.id === id),
      newId,
      onAcknowledged: ({ kind, id, op }) => {
        if (kind === 'document') setKnown(id, op !== 'delete');
      },
      // Until the app has read its chats, it will be given what the server made of them.
      onResolved: ({ kind }) => !this.#chats.isRead && kind !== 'document',
    });
    this.#pill = new Pill(this.outbox);
  }

  /** Before the app's first script: everything that it could read or call is ready when this returns. */
  start(): void {
    const { cursor: after, isBound: wasBound = false } = readOwn();
    const state = askState(after, this.#client);
    // Another database stands there now, or an older state of this one: what goes where is asked anew.
    const isBound = wasBound && !(after !== undefined && state?.reset);
    if (state && (isBound || (!wasBound && !hasSettings()))) seed(state);
    else if (!isBound) this.#mode = 'local';
    reloadWhenPromoted();
    grantPersistence();
    this.#watch();
    void this.#begin(state && { state, after }, isBound).catch((error: unknown) => {
      this.#pill.fail(error);
      this.#openChats();
    });
  }

  #watch(): void {
    const settings = watchLocalStorage({
      isMirrored: () => this.#mode !== 'local',
      add: (edits) => this.#add(edits),
      onClear: () => this.#restored(),
    });
    this.#chats.watchJson();
    watchObjectStores({
      isOpen: new Promise<void>((resolve) => (this.#openChats = resolve)),
      chatsRead: (text) => this.#chats.given(text),
      chatsWritten: (store, text) => this.#chatsWritten(store, text),
      chatsCleared: (store) => {
        this.#restored();
        this.#keyval.join(store, () => void this.#keyval.setRestored(true).catch(() => undefined));
      },
      assetWritten: (record) => this.#add(assetEdits(record)),
      assetDeleted: (id) => this.#add([{ kind: 'asset', op: 'delete', id }]),
      findAsset: (id) => (this.#mode === 'local' ? undefined : this.#missing.find(id)),
    });
    const leave = () => {
      settings.flush();
      this.#progress.save();
      this.outbox.flushOnHide();
    };
    addEventListener('pagehide', leave);
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') leave();
    });
  }

  #add(edits: Edit[]): void {
    // What cannot be stored is in the outbox's status.
    if (this.#mode !== 'local' && edits.length > 0) void this.outbox.add(edits).catch(() => undefined);
  }

  #chatsWritten(store: IDBObjectStore, text: string): void {
    if (this.#mode === 'local') return;
    this.#keyval.join(store, () => {
      this.#add(this.#chats.diff(text));
      this.#progress.keep();
    });
  }

  /** The app replaces its data by a backup: it starts anew right after, and then all of it goes to the server. */
  #restored(): void {
    if (this.#mode === 'local') return;
    this.#mode = 'local';
    this.outbox.stop();
    updateOwn({ isRestored: true });
  }

  async #begin(start: Start | undefined, isBound: boolean): Promise<void> {
    if (!(await claimTab())) return this.#runLocally();
    const kept = await this.#keyval.read();
    const isOfServer = kept.isOurs && (!start || !kept.cursor || epochOf(kept.cursor) === start.state.epoch);
    const isFresh = !kept.hasChats && (isBound || this.#mode === 'starting');
    if (!isOfServer && !isFresh) {
      unmarkAll();
      this.#pill.showLocal();
      return this.#runLocally();
    }
    updateOwn({ isBound: true });
    this.#mode = 'mirrored';
    this.#startOutbox();
    const parts = { server: this.#server, outbox: this.outbox, keyval: this.#keyval };
    const assets = await hydrate(
      { ...parts, chats: this.#chats, progress: this.#progress },
      kept,
      start,
    ).catch((error: unknown) => {
      // The app goes on with what it has, and this browser with what it knew.
      this.#progress.start(kept.cursor, true);
      this.#pill.fail(error);
      return [];
    });
    this.#openChats();
    void this.#missing.fetchAll(assets).catch(() => undefined);
    await followFeed(this.#server, this.#progress, this.#client, () => this.#pill.showElsewhere());
  }

  #runLocally(): void {
    this.#mode = 'local';
    this.#openChats();
  }
}

import { epochOf, type Cursor } from '../../client/src/cursor.js';
import type { Edit } from '../../client/src/edit.js';
import { Outbox } from '../../client/src/outbox.js';
import { grantPersistence, reloadWhenPromoted } from './app-lock.js';
import { assetEdits, MissingAssets } from './assets.js';
import { readAsset } from './assets-db.js';
import { Chats } from './chats.js';
import { keepVersion } from './chats-version.js';
import { followFeed } from './feed.js';
import { offerMove } from './first-visit.js';
import { hydrate, type Hydration } from './hydrate.js';
import { Keyval, openKeyval } from './keyval.js';
import { editsOf, watchLocalStorage } from './local-storage.js';
import { unmarkAll } from './marks.js';
import { local, page } from './native.js';
import { newId } from '../../client/src/new-id.js';
import { watchObjectStores } from './object-stores.js';
import { readOwn, setKnown, updateOwn } from './own.js';
import { Panel } from './panel.js';
import { Pill } from './pill.js';
import { Progress } from './progress.js';
import { askToRestore, restoreChats, restoreSettings } from './restore.js';
import { hasSettings, seed } from './seed.js';
import { askState, createServer, type ServerState } from './server.js';
import { claimTab, seemsHeld } from './tab.js';
import { isStore } from './value.js';

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
  readonly #parts: Hydration;
  readonly #panel = new Panel();
  readonly #pill: Pill;
  #mode: Mode = 'starting';
  /** How often the app wrote its chats. */
  #writes = 0;
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
      seen: ({ kind }) => (kind === 'document' ? (readOwn().cursor ?? this.#progress.at) : this.#progress.at),
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
    keepVersion(this.outbox, this.#chats, this.#server);
    this.#parts = {
      server: this.#server,
      outbox: this.outbox,
      keyval: this.#keyval,
      chats: this.#chats,
      progress: this.#progress,
    };
  }

  /** Before the app's first script: everything that it could read or call is ready when this returns. */
  start(): void {
    const { cursor, isBound: wasBound = false, isRestored } = readOwn();
    // After a restore all is asked for: what the backup does not have is there as before.
    const after = isRestored ? undefined : cursor;
    const state = askState(after, this.#client);
    // Another database stands there now, or an older state of this one: what goes where is asked anew.
    const isBound = wasBound && !(after !== undefined && state?.reset);
    const isHeld = seemsHeld();
    if (isBound && isRestored) restoreSettings(state);
    else if (!state || isHeld) this.#mode = isBound ? 'starting' : 'local';
    else if (isBound || (!wasBound && !hasSettings())) seed(state);
    else this.#mode = 'local';
    reloadWhenPromoted();
    grantPersistence();
    this.#watch();
    void this.#begin(state && { state, after }, isBound, isHeld).catch((error: unknown) => {
      this.#pill.fail(error);
      if (this.#mode === 'starting') this.#runLocally();
    });
  }

  #watch(): void {
    const stores = watchLocalStorage({
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
      stores.flush();
      this.#progress.save();
      this.outbox.flushOnHide();
    };
    addEventListener('pagehide', leave);
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') leave();
    });
  }

  #add(edits: readonly Edit[]): void {
    // What cannot be stored is in the outbox's status.
    if (this.#mode !== 'local' && edits.length > 0) void this.outbox.add(edits).catch(() => undefined);
  }

  #chatsWritten(store: IDBObjectStore, text: string): void {
    this.#writes += 1;
    // In a browser of its own too: when its data is moved, this is what the server has.
    const { edits, doubtful } = this.#chats.diff(text);
    if (this.#mode === 'local') return;
    this.#keyval.join(store, () => {
      this.#add(edits);
      if (doubtful.length > 0) void this.#askToDelete(doubtful);
      this.#progress.keep();
    });
  }

  /** An app that could not read its chats writes few or none: that is not what anybody wanted deleted. */
  async #askToDelete(deletes: readonly Edit[]): Promise<void> {
    const { at } = this.#progress;
    this.#progress.startWithout(at);
    const choice = await this.#panel.ask(
      `Delete ${deletes.length} chats on the server too?`,
      'The app took most of its chats away at once. If that was not you, keep them: the page reloads with all of them.',
      { keep: 'Keep them', remove: 'Delete' },
    );
    if (choice === 'keep') return page.reload();
    this.#progress.start(this.#progress.at, true);
    this.#add(deletes);
    this.#progress.keep();
  }

  /** The app replaces its data by a backup: it starts anew right after, and then all of it goes to the server. */
  #restored(): void {
    if (this.#mode === 'local') return;
    this.#runLocally();
    this.outbox.stop();
    updateOwn({ isRestored: true, restoredOver: readOwn().cursor });
  }

  async #begin(start: Start | undefined, isBound: boolean, isHeld: boolean): Promise<void> {
    if (!(await claimTab())) return this.#runLocally();
    // What another tab's note kept from being read: it crashed.
    if (isHeld) return page.reload();
    const kept = await this.#keyval.read();
    const isOfServer = kept.isOurs && (!start || !kept.cursor || epochOf(kept.cursor) === start.state.epoch);
    const isFresh = !kept.hasChats && (isBound || this.#mode === 'starting');
    const isRestored = kept.isRestored && isBound;
    if (!isOfServer && !isFresh && !isRestored) {
      unmarkAll();
      this.#pill.showLocal(true);
      this.#runLocally();
      if (!start || !(await this.#offerMove(start.state))) return;
    } else {
      if (isRestored && !(start && (await restoreChats(this.#parts)))) {
        this.#runLocally();
        if (start && (await askToRestore(this.#parts, this.#panel))) page.reload();
        return;
      }
      updateOwn({ isBound: true });
      this.#mode = 'mirrored';
      this.#startOutbox();
      const assets = await hydrate(this.#parts, kept, start).catch((error: unknown) => {
        // The app goes on with what it has, and this browser with what it knew.
        this.#progress.start(kept.cursor, true);
        this.#pill.fail(error);
        return [];
      });
      this.#openChats();
      void this.#missing.fetchAll(assets).catch(() => undefined);
    }
    await followFeed(this.#parts.server, this.#progress, this.#client, () => this.#pill.showElsewhere());
  }

  #offerMove(state: ServerState): Promise<boolean> {
    const bind = (isMerged: boolean) => {
      const stores = () => local.keys().filter(isStore);
      const moved = new Map(stores().map((key) => [key, local.get(key)]));
      return (cursor: Cursor) => {
        updateOwn({ isBound: true, known: [...moved.keys()], cursor: isMerged ? undefined : cursor });
        if (isMerged) this.#progress.startWithout(cursor);
        else this.#progress.start(cursor, true);
        void this.#keyval.setCursor(isMerged ? null : cursor).catch(() => undefined);
        this.#mode = 'mirrored';
        // What was set while the rest was moved.
        for (const key of stores()) {
          const text = moved.get(key) ?? null;
          if (local.get(key) !== text) this.#add(editsOf(key, text));
        }
        this.#startOutbox();
        this.#pill.showLocal(false);
      };
    };
    const { server, keyval } = this.#parts;
    return offerMove(this.#panel, { server, keyval, state, writes: () => this.#writes }, bind);
  }

  #runLocally(): void {
    this.#mode = 'local';
    this.#openChats();
  }
}

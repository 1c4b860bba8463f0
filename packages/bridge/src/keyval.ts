import type { Cursor } from '../../client/src/cursor.js';
import type { Entry } from '../../client/src/entry.js';
import type { OutboxStorage } from '../../client/src/outbox.js';
import { isMarked, mark, marked, unmark } from './marks.js';
import { committed, done, native } from './native.js';
import { CHATS } from './value.js';

/** The app's database of chats, as idb-keyval makes it. */
export const KEYVAL = 'keyval-store';
export const STORE = 'keyval';

/** Keys of ours in the app's object store. None contains `app-chats`: the app puts those that do into its backups. */
const CURSOR = 'holdfast-cursor';
const RESTORED = 'holdfast-restored';
const ENTRY = 'holdfast-entry-';

/** What is in the database when the page starts. */
export interface Kept {
  /** The chats are the server's, with what is pending here. Otherwise nobody has moved them there. */
  isOurs: boolean;
  /** Up to where the text of the chats has everything. */
  cursor: Cursor | null;
  isRestored: boolean;
  hasChats: boolean;
}

/**
 * What the bridge keeps beside the app's chats, in the same object store: only so can a transaction of the app's own
 * carry it, and what the app kept, the outbox has.
 */
export class Keyval implements OutboxStorage {
  readonly #database: Promise<IDBDatabase>;
  /** The store of the transaction in which the app is writing at this moment. */
  #joined: IDBObjectStore | undefined;

  constructor(database: Promise<IDBDatabase>) {
    this.#database = database;
  }

  async load(): Promise<Entry[]> {
    const store = await this.#store('readonly');
    const entries = await done(store.getAll(IDBKeyRange.bound(ENTRY, `${ENTRY}\uffff`)));
    return [...(entries as Entry[]), ...marked()];
  }

  /** Marks are set before this returns, and what goes into the database is in the queue of its transaction. */
  async write(put: Entry[], remove: string[]): Promise<void> {
    for (const entry of put) if (isMarked(entry.kind)) mark(entry);
    for (const key of remove) if (isMarked(kindOf(key))) unmark(key);
    const [ours, gone] = [
      put.filter((e) => !isMarked(e.kind)),
      remove.filter((key) => !isMarked(kindOf(key))),
    ];
    if (ours.length + gone.length === 0) return;
    await this.#change((store) => {
      for (const entry of ours) native.put.call(store, entry, recordKey(entry.key));
      for (const key of gone) native.delete.call(store, recordKey(key));
    });
  }

  /** Whatever is written during `work` is part of the app's transaction. */
  join(store: IDBObjectStore, work: () => void): void {
    this.#joined = store;
    try {
      work();
    } finally {
      this.#joined = undefined;
    }
  }

  /** Notes up to where the app's text has everything; `null`: it lacks some, and what it has is pending or the server's. */
  setCursor(cursor: Cursor | null): Promise<void> {
    return this.#change((store) => native.put.call(store, cursor, CURSOR));
  }

  /** Notes that the app replaced its chats by those of a backup, or that this is dealt with. */
  setRestored(isRestored: boolean): Promise<void> {
    return this.#change((store) => {
      if (isRestored) native.put.call(store, true, RESTORED);
      else native.delete.call(store, RESTORED);
    });
  }

  async read(): Promise<Kept> {
    const store = await this.#store('readonly');
    const [cursor, restored, count] = await Promise.all([
      done(native.get.call(store, CURSOR) as IDBRequest<Cursor | null | undefined>),
      done(native.get.call(store, RESTORED) as IDBRequest<unknown>),
      done(store.count(CHATS)),
    ]);
    return {
      isOurs: cursor !== undefined,
      cursor: cursor ?? null,
      isRestored: restored === true,
      hasChats: count > 0,
    };
  }

  /** The app's chats as they are. */
  async chats(): Promise<string | undefined> {
    return done(native.get.call(await this.#store('readonly'), CHATS) as IDBRequest<string | undefined>);
  }

  /** Puts the server's chats in the place of what the app had. */
  setChats(text: string | undefined, cursor: Cursor | null): Promise<void> {
    return this.#change((store) => {
      if (text === undefined) native.delete.call(store, CHATS);
      else native.put.call(store, text, CHATS);
      native.put.call(store, cursor, CURSOR);
      native.delete.call(store, RESTORED);
    });
  }

  #change(work: (store: IDBObjectStore) => unknown): Promise<void> {
    if (this.#joined) {
      work(this.#joined);
      return committed(this.#joined.transaction);
    }
    return this.#store('readwrite').then((store) => {
      work(store);
      return committed(store.transaction);
    });
  }

  async #store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    return (await this.#database).transaction(STORE, mode).objectStore(STORE);
  }
}

export function openKeyval(): Promise<IDBDatabase> {
  const request = native.open.call(indexedDB, KEYVAL, 1);
  request.addEventListener('upgradeneeded', () => request.result.createObjectStore(STORE));
  return done(request).then((database) => {
    // An app that wants a later version of its database must not wait for us.
    database.addEventListener('versionchange', () => database.close());
    return database;
  });
}

function kindOf(key: string): string {
  return (native.parse(key) as [string])[0];
}

/** Without a hyphen, so that it cannot contain the app's key. */
function recordKey(key: string): string {
  return ENTRY + key.replaceAll('%', '%25').replaceAll('-', '%2D');
}

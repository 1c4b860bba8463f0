import { ASSETS, ASSETS_DB } from './assets-db.js';
import { HeldRequest } from './held.js';
import { KEYVAL, STORE } from './keyval.js';
import { native } from './native.js';
import { CHATS } from './value.js';

export interface ObjectStoreHooks {
  /** Resolves when the app may read its chats. */
  isOpen: Promise<void>;
  /** The app reads its chats, and what it got. */
  chatsRead: (text: unknown) => void;
  /** The app writes its chats, in the transaction of `store`. */
  chatsWritten: (store: IDBObjectStore, text: string) => void;
  /** The app empties its object store of chats, in the transaction of `store`. */
  chatsCleared: (store: IDBObjectStore) => void;
  assetWritten: (record: unknown) => void;
  assetDeleted: (id: string) => void;
  /** Looks up an image that is not here; nothing when there is nowhere to look. */
  findAsset: (id: string) => Promise<unknown> | undefined;
}

/** Wraps IndexedDB's prototypes, which idb-keyval and Dexie both go through. */
export function watchObjectStores(hooks: ObjectStoreHooks): void {
  const store = IDBObjectStore.prototype;

  IDBFactory.prototype.open = function (name: string, ...version: [number?]): IDBOpenDBRequest {
    if (name !== KEYVAL) return native.open.call(this, name, ...version);
    const held = new HeldRequest();
    void hooks.isOpen.then(() => held.forward(native.open.call(this, name, ...version)));
    return held as unknown as IDBOpenDBRequest;
  };

  store.get = function (key: IDBValidKey | IDBKeyRange): IDBRequest<unknown> {
    const request = native.get.call(this, key) as IDBRequest<unknown>;
    if (isChats(this, key)) request.addEventListener('success', () => hooks.chatsRead(request.result));
    if (!isOf(this, ASSETS_DB, ASSETS) || typeof key !== 'string') return request;
    const held = new HeldRequest();
    held.forward(request, (found) => (found === undefined ? hooks.findAsset(key) : undefined));
    return held as unknown as IDBRequest<unknown>;
  };

  for (const method of ['put', 'add'] as const) {
    store[method] = function (value: unknown, ...key: [IDBValidKey?]): IDBRequest<IDBValidKey> {
      const request = native[method].call(this, value, ...key);
      if (isChats(this, key[0]) && typeof value === 'string') hooks.chatsWritten(this, value);
      if (isOf(this, ASSETS_DB, ASSETS)) hooks.assetWritten(value);
      return request;
    };
  }

  store.delete = function (key: IDBValidKey | IDBKeyRange): IDBRequest<undefined> {
    const request = native.delete.call(this, key);
    if (isOf(this, ASSETS_DB, ASSETS) && typeof key === 'string') hooks.assetDeleted(key);
    return request;
  };

  // Emptying the images deletes none on the server: it comes before a restore.
  store.clear = function (): IDBRequest<undefined> {
    const request = native.clear.call(this);
    if (isOf(this, KEYVAL, STORE)) hooks.chatsCleared(this);
    return request;
  };
}

function isOf(store: IDBObjectStore, database: string, name: string): boolean {
  return store.name === name && store.transaction.db.name === database;
}

function isChats(store: IDBObjectStore, key: unknown): boolean {
  return key === CHATS && isOf(store, KEYVAL, STORE);
}

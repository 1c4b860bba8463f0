// The app's database of images, as Dexie makes it.
import { committed, done, native } from './native.js';

export const ASSETS_DB = 'Big-AGI';
export const ASSETS = 'largeAssets';

/** Dexie's version 1. */
const VERSION = 10;
const INDEXES: Record<string, string | string[]> = {
  '[contextId+scopeId]': ['contextId', 'scopeId'],
  assetType: 'assetType',
  '[assetType+contextId+scopeId]': ['assetType', 'contextId', 'scopeId'],
  'data.mimeType': 'data.mimeType',
  'origin.ot': 'origin.ot',
  'origin.source': 'origin.source',
  createdAt: 'createdAt',
  updatedAt: 'updatedAt',
};

export type AssetRecord = Record<string, unknown>;

async function open(): Promise<IDBDatabase> {
  const request = native.open.call(indexedDB, ASSETS_DB, VERSION);
  request.addEventListener('upgradeneeded', ({ oldVersion }) => {
    if (oldVersion > 0) return;
    const store = request.result.createObjectStore(ASSETS, { keyPath: 'id' });
    for (const [name, path] of Object.entries(INDEXES)) store.createIndex(name, path);
  });
  try {
    return await done(request);
  } catch (error) {
    // A later version of the app made it: as it is now.
    if (error instanceof DOMException && error.name === 'VersionError')
      return done(native.open.call(indexedDB, ASSETS_DB));
    throw error;
  }
}

/** Opens for one piece of work only: an open connection would keep a newer app from upgrading. */
async function use<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => T): Promise<T> {
  const database = await open();
  try {
    const transaction = database.transaction(ASSETS, mode);
    const result = work(transaction.objectStore(ASSETS));
    await committed(transaction);
    return result;
  } finally {
    database.close();
  }
}

export async function readAsset(id: string): Promise<AssetRecord | undefined> {
  const request = await use('readonly', (store) => native.get.call(store, id));
  return request.result as AssetRecord | undefined;
}

export async function assetKeys(): Promise<string[]> {
  const request = await use('readonly', (store) => store.getAllKeys());
  return request.result.filter((key) => typeof key === 'string');
}

/** Keeps a record that came as JSON. */
export async function keepAsset(record: AssetRecord): Promise<AssetRecord> {
  const revived = { ...record };
  // The app sorts by them, and an index that mixes types puts all strings after all dates.
  for (const name of ['createdAt', 'updatedAt']) {
    const time = revived[name];
    if (typeof time === 'string' && !Number.isNaN(Date.parse(time))) revived[name] = new Date(time);
  }
  await use('readwrite', (store) => native.put.call(store, revived));
  return revived;
}

// Flash backup and restore: they read and write localStorage and IndexedDB directly, past every store.
import { assets } from '../images/assets-db';
import { log } from '../settings/logger';

interface FlashBackup {
  schema: 'vnd.agi.flash-backup';
  schemaVersion: number;
  tenantSlug: string;
  metadata: { version: string; timestamp: string; application: string; backupType: string };
  storage: {
    localStorage: Record<string, unknown>;
    indexedDB: Record<string, Record<string, { key: IDBValidKey; value: unknown }[]>>;
  };
}

export async function createFlashBackup(withImages = true): Promise<FlashBackup> {
  const backup: FlashBackup = {
    schema: 'vnd.agi.flash-backup',
    schemaVersion: 102000,
    tenantSlug: 'open',
    metadata: {
      version: '1.2',
      timestamp: new Date().toISOString(),
      application: 'Big-AGI',
      backupType: 'full',
    },
    storage: { localStorage: localStorageItems(), indexedDB: {} },
  };
  for (const name of withImages ? ['keyval-store', 'Big-AGI'] : ['keyval-store']) {
    backup.storage.indexedDB[name] = await readDatabase(name);
  }
  log('info', `flash: Expected flash file size: ${JSON.stringify(backup).length} bytes`);
  return backup;
}

export async function restoreFlashBackup(text: string): Promise<void> {
  const { schema, storage } = JSON.parse(text) as FlashBackup;
  if (schema !== 'vnd.agi.flash-backup') throw new Error('This is not a flash backup.');
  localStorage.clear();
  for (const [key, value] of Object.entries(storage.localStorage)) {
    localStorage.setItem(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
  for (const [name, stores] of Object.entries(storage.indexedDB)) {
    for (const [store, records] of Object.entries(stores)) await refill(name, store, records);
  }
  location.reload();
}

function localStorageItems(): Record<string, unknown> {
  const keys = Object.keys(localStorage).filter((key) => key !== 'agi-logger-log');
  return Object.fromEntries(keys.map((key) => [key, parsed(localStorage.getItem(key) ?? '')]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function readDatabase(name: string) {
  const db = await open(name);
  const stores: FlashBackup['storage']['indexedDB'][string] = {};
  for (const store of db.objectStoreNames) {
    const objects = db.transaction(store).objectStore(store);
    const [keys, values] = await Promise.all([done(objects.getAllKeys()), done(objects.getAll())]);
    stores[store] = keys.map((key, index) => ({ key, value: values[index] as unknown }));
  }
  db.close();
  return stores;
}

async function refill(
  name: string,
  store: string,
  records: { key: IDBValidKey; value: unknown }[],
): Promise<void> {
  const db = await open(name);
  const transaction = db.transaction(store, 'readwrite');
  const objects = transaction.objectStore(store);
  objects.clear();
  for (const { key, value } of records) {
    if (objects.keyPath) objects.add(value);
    else objects.add(value, key);
  }
  await new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
  db.close();
}

/** A browser that never had an image has not created the images' database yet. */
async function open(name: string): Promise<IDBDatabase> {
  await assets.count();
  return done(indexedDB.open(name));
}

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

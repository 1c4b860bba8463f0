import type { IDBPDatabase } from 'idb';

import type { Entry } from './entry.js';
import type { OutboxStorage } from './outbox.js';

/** Keeps pending writes in the object store `outbox` of a database, whose key path is `key`. */
export function idbOutboxStorage(database: Promise<IDBPDatabase>): OutboxStorage {
  return {
    async load() {
      return (await (await database).getAll('outbox')) as Entry[];
    },
    async write(put, remove) {
      const transaction = (await database).transaction('outbox', 'readwrite');
      const requests = [
        ...put.map((entry) => transaction.store.put(entry)),
        ...remove.map((key) => transaction.store.delete(key)),
      ];
      await Promise.all([...requests, transaction.done]);
    },
  };
}

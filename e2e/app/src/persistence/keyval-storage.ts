// Zustand's storage for the chats: one JSON string under the store's name in idb-keyval.
import { del, get, set } from 'idb-keyval';
import type { PersistStorage, StorageValue } from 'zustand/middleware';
import { WriteScheduler } from './write-scheduler';

export function keyvalStorage<State>(name: string) {
  const scheduler = new WriteScheduler<StorageValue<State>>((value) => {
    performance.mark(`write:${name}`);
    return set(name, JSON.stringify(value));
  });
  const storage: PersistStorage<State> = {
    getItem: async (key) => {
      const text = await get<string>(key);
      return text ? (JSON.parse(text) as StorageValue<State>) : null;
    },
    setItem: (_key, value) => scheduler.schedule(value),
    removeItem: (key) => del(key),
  };
  return { storage, scheduler };
}

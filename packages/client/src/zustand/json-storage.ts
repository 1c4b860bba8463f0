import { createJSONStorage as zustandStorage, type PersistStorage } from 'zustand/middleware';

import type { LocalOptions } from './local.js';

const MADE_OF = new WeakMap<object, LocalOptions>();

/**
 * Zustand's `createJSONStorage`, which remembers what it was made of: a `reviver` and a `replacer` must be used for
 * what goes to the server too, or a `Map` in the state would arrive there as `{}`.
 */
export const createJSONStorage: typeof zustandStorage = (getStorage, options) => {
  const storage = zustandStorage(getStorage, options);
  if (storage) MADE_OF.set(storage, { getStorage, ...options });
  return storage as never;
};

/** What a storage was made of; nothing for one of the app's own making. */
export function madeOf(storage: PersistStorage<unknown> | undefined): LocalOptions | undefined {
  return storage && MADE_OF.get(storage);
}

/** Whether what it keeps is for one tab: such a store stays there. */
export function isOfOneTab(storage: PersistStorage<unknown> | undefined): boolean {
  try {
    const kept = madeOf(storage)?.getStorage?.();
    return kept !== undefined && kept === (globalThis.sessionStorage as unknown);
  } catch {
    return false;
  }
}

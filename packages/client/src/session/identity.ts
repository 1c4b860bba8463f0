import { newId } from '../new-id.js';

/** The synchronous part of `Storage` that is used here. */
export type SyncStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const BROWSER = 'holdfast:browser';

/** A short random name. */
export function randomId(): string {
  return newId().slice(0, 8);
}

/** Names this browser, the same for all of its tabs and visits. */
export function browserId(storage: SyncStorage): string {
  const known = storage.getItem(BROWSER);
  if (known) return known;
  const id = randomId();
  storage.setItem(BROWSER, id);
  return id;
}

/** localStorage, or memory where there is none: in a worker, or when the user forbids it. */
export function localText(): SyncStorage {
  try {
    const storage = globalThis.localStorage as Storage | undefined;
    if (storage) return storage;
  } catch {
    // Reading the property throws where storage is forbidden.
  }
  const texts = new Map<string, string>();
  return {
    getItem: (name) => texts.get(name) ?? null,
    setItem: (name, text) => void texts.set(name, text),
    removeItem: (name) => void texts.delete(name),
  };
}

import { createJSONStorage, type PersistStorage, type StateStorage } from 'zustand/middleware';

import type { Holdfast } from '../session/connect.js';
import { fromText } from '../session/document.js';
import { localText } from '../session/identity.js';
import type { LocalCopies, TextStorage } from '../session/local-copy.js';

/** As with `createJSONStorage`, and where the store was kept before. */
export interface LocalOptions {
  /** By default localStorage. */
  getStorage?: (() => StateStorage) | undefined;
  reviver?: ((key: string, value: unknown) => unknown) | undefined;
  replacer?: ((key: string, value: unknown) => unknown) | undefined;
}

/** The browser's own storage, as it was before there was a server. */
export function localStorageOf(options: LocalOptions): PersistStorage<unknown> {
  const { getStorage = localText, reviver, replacer } = options;
  const json = { ...(reviver ? { reviver } : {}), ...(replacer ? { replacer } : {}) };
  const storage = createJSONStorage<unknown>(getStorage, json);
  if (!storage) throw new Error('This browser lets the page keep nothing');
  return storage;
}

/**
 * The same for a store that may have lived on the server: its first edit here remembers what the server had, so that
 * the way back to the server merges instead of overwriting.
 */
export function localDocuments(session: Holdfast, options: LocalOptions): PersistStorage<unknown> {
  const storage = localStorageOf(options);
  const texts = (options.getStorage ?? localText)();
  return {
    ...storage,
    setItem(name, value) {
      remember(session.copies, texts, name);
      return storage.setItem(name, value);
    },
  };
}

function remember(copies: LocalCopies, texts: TextStorage, name: string): void {
  const known = copies.known(name);
  if (!known || 'base' in known) return;
  const text = texts.getItem(name);
  if (text === null || typeof text === 'string') copies.markEdited(name, fromText(text));
  else void text.then((before) => copies.markEdited(name, fromText(before)));
}

/** The text of a storage that speaks in values: what the documents of a session are copied to. */
export function textOf(storage: PersistStorage<unknown>): TextStorage {
  const toText = (value: unknown) => (value === null ? null : JSON.stringify(value));
  return {
    getItem(name) {
      const found = storage.getItem(name);
      return found && 'then' in found ? found.then(toText) : toText(found);
    },
    setItem: (name, text) => storage.setItem(name, JSON.parse(text) as never),
    removeItem: (name) => storage.removeItem(name),
  };
}

import type { StateStorage } from 'zustand/middleware';

import type { DocumentValue } from '../edit.js';
import type { Holdfast } from '../session/connect.js';
import { localText } from '../session/identity.js';
import type { TextStorage } from '../session/local-copy.js';
import type { LiveStorage } from './live.js';

export interface DocumentStorageOptions {
  /** Where the app kept the store before; it stays there as a copy, and as the way back. By default localStorage. */
  getStorage?: () => StateStorage;
  /** As with `createJSONStorage`. */
  reviver?: (key: string, value: unknown) => unknown;
  replacer?: (key: string, value: unknown) => unknown;
}

/** Keeps stores as documents of the server: settings, folders, personas, model services, whatever is one JSON value. */
export function createDocumentStorage<S>(
  session: Holdfast,
  options: DocumentStorageOptions = {},
): LiveStorage<S> {
  const { getStorage, reviver, replacer } = options;
  let local: TextStorage | undefined;
  const text = () => (local ??= getStorage ? getStorage() : localText());
  const decode = (value: DocumentValue) => {
    const state = reviver ? (JSON.parse(JSON.stringify(value.data), reviver) as S) : (value.data as S);
    return typeof value.version === 'number' ? { state, version: value.version } : { state };
  };
  return {
    getItem(name) {
      const found = session.documents.open(name, text());
      if (found instanceof Promise) return found.then((value) => value && decode(value));
      return found && decode(found);
    },
    setItem(name, { state, version }) {
      // As JSON: what the app changes in place later must not change what was saved.
      const data = JSON.parse(JSON.stringify(state, replacer)) as unknown;
      return session.documents.write(name, { data, version: version ?? null });
    },
    removeItem: (name) => session.documents.remove(name, text()),
    subscribe: (name, receive) =>
      session.documents.subscribe(name, (value) => {
        if (value) receive({ kind: 'value', value: decode(value) });
      }),
    reportLoad: (name, error) => session.reportLoad(name, problemOf(name, error)),
  };
}

/** The same for the store of model services and models: both sides' changes are merged by id. */
export const createModelsStorage = createDocumentStorage;

/** What a user can do about a store that was not loaded. */
export function problemOf(name: string, error: unknown): string | undefined {
  if (error === undefined) return undefined;
  const reason = error instanceof Error ? error.message : JSON.stringify(error);
  return `'${name}' could not be loaded, so changes to it are not saved: ${reason}. Reload the page to try again.`;
}

import type { PersistStorage, StorageValue } from 'zustand/middleware';

import type { DocumentValue } from '../edit.js';
import { mergeJson } from '../merge.js';
import type { Holdfast } from '../session/connect.js';
import { toText } from '../session/document.js';
import { localText } from '../session/identity.js';
import type { TextStorage } from '../session/local-copy.js';
import { madeOf } from './json-storage.js';
import type { LiveStorage } from './live.js';
import { localDocuments, textOf, type LocalOptions } from './local.js';
import { shadowed, type ShadowSide } from './shadow.js';

export interface DocumentStorageOptions extends LocalOptions {
  /** Instead of `getStorage`: a storage of the app's own making. */
  storage?: PersistStorage<unknown> | undefined;
}

/**
 * Keeps stores as documents of the server: settings, folders, personas, model services, whatever is one JSON value.
 * The browser's own copy stays where it was and follows: a page starts with it, and it is the way back.
 */
export function createDocumentStorage<S>(
  session: Holdfast,
  options: DocumentStorageOptions = {},
): LiveStorage<S> {
  const made = madeOf(options.storage);
  return storageFor(session, made ?? options) as LiveStorage<S>;
}

/** The same for the store of model services and models: both sides' changes are merged by id. */
export const createModelsStorage = createDocumentStorage;

/** The same for counters that only grow (`app-metrics`): what each device adds is added up, nothing is overwritten. */
export function createMetricsStorage<S>(
  session: Holdfast,
  options: DocumentStorageOptions = {},
): LiveStorage<S> {
  const storage = createDocumentStorage<S>(session, options);
  return {
    ...storage,
    getItem(name) {
      session.documents.addUp(name);
      return storage.getItem(name);
    },
  };
}

function storageFor(session: Holdfast, options: DocumentStorageOptions): LiveStorage<unknown> {
  if (session.mode === 'server') return serverDocuments(session, options);
  const local = options.storage ?? localDocuments(session, options);
  return session.mode === 'local' ? local : shadowed(session, local, shadowDocuments(session, options));
}

function serverDocuments(session: Holdfast, options: DocumentStorageOptions): LiveStorage<unknown> {
  const { documents } = session;
  let local: TextStorage | undefined;
  const texts = () =>
    (local ??= options.storage ? textOf(options.storage) : (options.getStorage ?? localText)());
  const { decode, encode } = codec(options);
  return {
    getItem(name) {
      const found = documents.open(name, texts());
      return found instanceof Promise ? found.then(decode) : decode(found);
    },
    setItem(name, value) {
      try {
        return documents.write(name, encode(value));
      } catch (error) {
        if (!(error instanceof NotJson)) throw error;
        // The app goes on, as it would with a full storage; who looks is told.
        console.error(error);
        session.reportLoad(name, `'${name}' is not saved. ${error.message}`);
        return undefined;
      }
    },
    removeItem: (name) => documents.remove(name, texts()),
    subscribe: (name, receive) =>
      documents.subscribe(name, (found) => {
        const value = decode(found);
        if (value) receive({ kind: 'value', value });
      }),
    reportLoad: (name, error) => session.reportLoad(name, problemOf(name, error)),
    onReached: (retry) => session.onReached(retry),
  };
}

/** A copy of its own, beside the browser's, which stays untouched. */
function shadowDocuments(session: Holdfast, options: DocumentStorageOptions): ShadowSide {
  const { documents, texts } = session;
  const key = (name: string) => `holdfast:shadow:${name}`;
  const copies: TextStorage = {
    getItem: (name) => texts.getItem(key(name)),
    setItem: (name, text) => texts.setItem(key(name), text),
    removeItem: (name) => texts.removeItem(key(name)),
  };
  const { decode, encode } = codec(options);
  const last = new Map<string, DocumentValue>();
  const save = (name: string, next: DocumentValue) => {
    // Only what the browser changed is changed on the server, which may have more.
    const view = documents.view(name);
    const isSame = view && view.version === next.version;
    const data = isSame ? mergeJson(last.get(name)?.data, next.data, view.data).value : next.data;
    last.set(name, next);
    documents.write(name, { ...next, data });
  };
  return {
    async load(name, own) {
      const value = own && encode(own);
      if (value) {
        last.set(name, value);
        if (copies.getItem(name) === null) copies.setItem(name, toText(value));
      }
      return decode(await documents.open(name, copies));
    },
    save: (name, value) => save(name, encode(value)),
    remove: (name) => documents.remove(name, copies),
  };
}

interface Codec {
  decode: (value: DocumentValue | null) => StorageValue<unknown> | null;
  encode: (value: StorageValue<unknown>) => DocumentValue;
}

/** Between the app's state and JSON. What the app changes in place later must not change what was saved. */
function codec({ reviver, replacer }: LocalOptions): Codec {
  return {
    decode(value: DocumentValue | null): StorageValue<unknown> | null {
      if (!value) return null;
      const state: unknown = reviver ? JSON.parse(JSON.stringify(value.data), reviver) : value.data;
      return typeof value.version === 'number' ? { state, version: value.version } : { state };
    },
    encode({ state, version }: StorageValue<unknown>): DocumentValue {
      const text = JSON.stringify(state, replacer ?? refusing);
      return { data: JSON.parse(text) as unknown, version: version ?? null };
    },
  };
}

/** Thrown where a state holds what JSON would quietly make `{}` of. */
class NotJson extends Error {
  override readonly name = 'NotJson';
}

function refusing(key: string, value: unknown): unknown {
  if (!(value instanceof Map || value instanceof Set)) return value;
  const what = value instanceof Map ? 'Map' : 'Set';
  throw new NotJson(
    `'${key}' is a ${what}, which JSON cannot keep: give the store a replacer and a reviver, with createJSONStorage of @holdfast/client/zustand`,
  );
}

/** What a user can do about a store that was not loaded. */
export function problemOf(name: string, error: unknown): string | undefined {
  if (error === undefined) return undefined;
  const reason = error instanceof Error ? error.message : JSON.stringify(error);
  return `'${name}' could not be loaded, so changes to it are not saved: ${reason}. Reload the page to try again.`;
}

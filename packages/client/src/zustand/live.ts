import type { PersistStorage, StorageValue } from 'zustand/middleware';

/** What others made of a store: its whole value, or how to change the state that the app has. */
export type LiveChange<S> =
  { kind: 'value'; value: StorageValue<S> } | { kind: 'patch'; patch: (state: object) => object };

/** A storage that also tells what other tabs and devices make of the stores that it has loaded. */
export interface LiveStorage<S> extends PersistStorage<S> {
  subscribe?(name: string, receive: (change: LiveChange<S>) => void): () => void;
  /** A store could not be loaded (`undefined`: it was), for the status that the user sees. */
  reportLoad?(name: string, error: unknown): void;
  /** Calls `retry` when the server answers again, until the returned function is called. */
  onReached?(retry: () => void): () => void;
}

/** On the server side of an app: nothing is there, and nothing is kept. */
export const NO_STORAGE: LiveStorage<unknown> = {
  getItem: () => null,
  setItem: () => undefined,
  removeItem: () => undefined,
};

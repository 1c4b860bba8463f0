import type { Cursor } from '../cursor.js';
import type { SyncStorage } from './identity.js';
import type { Known } from './document.js';

/** Where the app keeps the text of a store: localStorage, or what it passes to `createJSONStorage`. */
export interface TextStorage {
  getItem(name: string): string | null | PromiseLike<string | null>;
  setItem(name: string, text: string): unknown;
  removeItem(name: string): unknown;
}

interface Remembered {
  cursor: Cursor | null;
  stores: Record<string, Known>;
}

/**
 * What is remembered of the stores that this browser has copies of: up to where they have what the server has, and
 * which of them have edits that the server has not. It stands in localStorage beside the copies, so that a store can
 * be read at once when a page starts.
 */
export class LocalCopies {
  readonly #texts: SyncStorage;
  readonly #key: string;

  constructor(texts: SyncStorage, key = 'holdfast:sync') {
    this.#texts = texts;
    this.#key = key;
  }

  get cursor(): Cursor | null {
    return this.#read().cursor;
  }

  set cursor(cursor: Cursor | null) {
    const now = this.#read();
    if (now.cursor !== cursor) this.#write({ ...now, cursor });
  }

  known(name: string): Known | undefined {
    return this.#read().stores[name];
  }

  know(name: string, known: Known | undefined): void {
    const { cursor, stores } = this.#read();
    const { [name]: _, ...others } = stores;
    this.#write({ cursor, stores: known ? { ...others, [name]: known } : others });
  }

  /** An edit was made here: what the server had before it is what it will be merged with. */
  markEdited(name: string, server: Known['base']): void {
    const known = this.known(name);
    if (!known || !('base' in known)) this.know(name, { ...known, base: server ?? null });
  }

  /** Read each time: other tabs write it too. */
  #read(): Remembered {
    const text = this.#texts.getItem(this.#key);
    return text === null ? { cursor: null, stores: {} } : (JSON.parse(text) as Remembered);
  }

  #write(now: Remembered): void {
    this.#texts.setItem(this.#key, JSON.stringify(now));
  }
}

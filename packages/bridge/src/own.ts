import type { Cursor } from '../../client/src/cursor.js';
import { isObject } from '../../client/src/json.js';
import { local, native } from './native.js';
import { newId } from '../../client/src/new-id.js';

/** The bridge's own keys in localStorage: hidden from the app, and not touched by its `clear()`. */
export const OWN = 'holdfast';

/** What the bridge remembers of this browser. */
export interface Own {
  /** Names this browser in the feed, and its device-local stores. */
  client: string;
  /** This browser's data belongs to the server's: it is mirrored. */
  isBound?: boolean;
  /** localStorage has everything up to here, but for what is pending. */
  cursor?: Cursor;
  /** Stores that the server has, as far as this browser knows. */
  known?: string[];
  /** The `version` of `app-chats` that the server has. */
  chatsVersion?: number;
  /** The app replaced its localStorage by that of a backup. */
  isRestored?: boolean;
  /** Up to where this browser had everything when a backup took its place. */
  restoredOver?: Cursor;
  /** The reader does not want to see that all is well. */
  isPillHidden?: boolean;
}

let own: Own | undefined;

/** Reads the record anew: another tab may have written it. */
export function readOwn(): Own {
  try {
    const read: unknown = native.parse(local.get(OWN) ?? 'null');
    if (isObject(read) && typeof read['client'] === 'string') own = read as unknown as Own;
  } catch {
    // It was damaged. A new client id costs only the settings of this device.
  }
  return (own ??= writeOwn({ client: newId() }));
}

/** Changes members of the record. `undefined` takes one out. */
export function updateOwn(change: { [K in keyof Own]?: Own[K] | undefined }): void {
  writeOwn({ ...readOwn(), ...change } as Own);
}

/** Notes that the server has a store, or that it has it no more. */
export function setKnown(store: string, isKnown: boolean): void {
  const known = new Set(readOwn().known);
  if (known.has(store) === isKnown) return;
  if (isKnown) known.add(store);
  else known.delete(store);
  updateOwn({ known: [...known] });
}

function writeOwn(next: Own): Own {
  own = next;
  try {
    local.set(OWN, native.stringify(next));
  } catch {
    // The quota is used up. This visit goes on with what is in memory; the next asks the server for more than it must.
  }
  return next;
}

import type { DocumentValue } from '../edit.js';
import { equal } from '../json.js';
import { mergeJson } from '../merge.js';

/** What this browser remembers of a store beside its own copy. */
export interface Known {
  /** The copy has edits that the server has not acknowledged: what the server had before them, `null` for nothing. */
  base?: DocumentValue | null;
  /** What the server told while the store was not open. */
  told?: DocumentValue | null;
}

export interface Reconciled {
  /** What the app gets. */
  view: DocumentValue | null;
  /** What the server has. */
  server: DocumentValue | null;
  /** A value of this browser that is in neither of them. */
  lost?: DocumentValue;
}

/**
 * Brings together the browser's copy of a store and what the server has (`undefined`: as when it was last seen).
 * On a first meeting the server's settings win, and lists are joined.
 */
export function reconcile(
  known: Known | undefined,
  local: DocumentValue | null,
  theirs: DocumentValue | null | undefined,
): Reconciled {
  if (!known) {
    if (!theirs) return { view: local, server: null };
    if (!local || sameValue(local, theirs)) return { view: theirs, server: theirs };
    const view = merged(undefined, theirs, local);
    return { view, server: theirs, ...(sameValue(view, local) ? {} : { lost: local }) };
  }
  const isEdited = 'base' in known;
  const base = known.base ?? null;
  if (theirs === undefined) return { view: local, server: isEdited ? base : local };
  if (!isEdited || !local || (base && sameValue(base, local))) return { view: theirs, server: theirs };
  if (!theirs) return { view: local, server: null };
  const view = merged(base ?? undefined, local, theirs);
  return { view, server: theirs, ...(view === theirs ? { lost: local } : {}) };
}

/** Both sides' changes; where they differ in the same place, or in their version, the first wins. */
export function merged(
  base: DocumentValue | undefined,
  first: DocumentValue,
  second: DocumentValue,
): DocumentValue {
  if ((first.version ?? null) !== (second.version ?? null)) {
    // Data of two versions cannot be mixed: the app can migrate only the older one.
    return (first.version ?? 0) > (second.version ?? 0) ? first : second;
  }
  return { ...second, ...first, data: mergeJson(base?.data, first.data, second.data).value };
}

export function sameValue(a: DocumentValue, b: DocumentValue): boolean {
  return (a.version ?? null) === (b.version ?? null) && equal(a.data, b.data);
}

/** A store's value as the browser keeps it. */
export function toText(value: DocumentValue): string {
  if (value.bare) return typeof value.data === 'string' ? value.data : JSON.stringify(value.data);
  const version = value.version === null || value.version === undefined ? {} : { version: value.version };
  return JSON.stringify({ state: value.data, ...version, ...value.beside });
}

/** The other way; `null` for what is no value of a store. */
export function fromText(text: string | null): DocumentValue | null {
  if (text === null) return null;
  try {
    const { state, version, ...beside } = JSON.parse(text) as Record<string, unknown>;
    if (state === undefined) return null;
    const extra = Object.keys(beside).length > 0 ? { beside } : {};
    return { data: state, version: typeof version === 'number' ? version : null, ...extra };
  } catch {
    return null;
  }
}

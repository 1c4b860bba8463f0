// Pending writes of localStorage's stores are kept in localStorage beside them: written in the same instant, and
// without a second copy of the text.
import type { Entry } from '../../client/src/entry.js';
import { local, native } from './native.js';
import { OWN } from './own.js';
import { documentOf } from './value.js';

const MARK = `${OWN}-entry-`;

export function isMarked(kind: string): boolean {
  return kind === 'document' || kind === 'cost';
}

/** Notes a pending write. Throws when there is no room even for the note. */
export function mark(entry: Entry): void {
  const { body: _, ...short } = entry;
  const note = entry.kind === 'document' ? short : entry;
  try {
    local.set(MARK + entry.key, native.stringify(note));
  } catch {
    // The text that a merge would compare with is given up first: ours then counts as the newer one.
    const { baseBody: __, ...least } = note;
    local.set(MARK + entry.key, native.stringify(least));
  }
}

export function unmark(key: string): void {
  local.remove(MARK + key);
}

/** The pending writes, with what localStorage has now as their text. */
export function marked(): Entry[] {
  return local.keys().flatMap((key) => (key.startsWith(MARK) ? (read(key) ?? []) : []));
}

/** Forgets all of them. */
export function unmarkAll(): void {
  for (const key of local.keys()) if (key.startsWith(MARK)) local.remove(key);
}

function read(key: string): Entry | undefined {
  const entry = native.parse(local.get(key) ?? 'null') as Entry | null;
  if (entry?.kind !== 'document') return entry ?? undefined;
  const text = local.get(entry.id);
  if (text === null) return { ...entry, op: 'delete' };
  return { ...entry, op: 'put', body: native.stringify(documentOf(text)) };
}

import type { Cursor } from './cursor.js';
import type { Edit, HeadPatch } from './edit.js';

/** One pending write of one entity, as it is kept over reloads. */
export interface Entry {
  key: string;
  /** Entries are sent in this order. */
  order: number;
  kind: Edit['kind'];
  op: Edit['op'];
  id: string;
  /** A message's conversation. */
  parent?: string;
  /** What to write: JSON text. Absent for deletes, and for assets, which are read when they are sent. */
  body?: string;
  after?: string;
  /** Whose, for stores that each browser has of its own. */
  device?: string;
  /** The revision at which this entity was last seen; `null` for one that is new. */
  base: Cursor | null;
  /** What it was then, as JSON text: what a merge compares with. */
  baseBody?: string;
  /** Counts what replaced it: an answer to an earlier version acknowledges no later one. */
  version: number;
  /** The server will never take it as it is. It stays here, and the next edit of the entity tries again. */
  rejected?: { code: string; error: string };
}

export function keyOf(edit: { kind: string; id: string; parent?: string }): string {
  return JSON.stringify([edit.kind, edit.parent ?? '', edit.id]);
}

const part = encodeURIComponent;

/** The route of the entity, below the server's URL. */
export function pathOf(entry: Pick<Entry, 'kind' | 'id' | 'parent'>): string {
  switch (entry.kind) {
    case 'conversation':
    case 'head':
      return `/api/chats/${part(entry.id)}`;
    case 'message':
      return `/api/chats/${part(entry.parent ?? '')}/messages/${part(entry.id)}`;
    case 'document':
      return `/api/stores/${part(entry.id)}`;
    case 'asset':
      return `/api/assets/${part(entry.id)}`;
    case 'cost':
      return '/api/metrics';
  }
}

/** The body of the request that makes this write. */
export function requestBody(entry: Entry): string | undefined {
  const { kind, op, body } = entry;
  if (op === 'delete' || body === undefined) return undefined;
  if (kind === 'conversation') return `{"conversation":${body}}`;
  if (kind === 'head') return JSON.stringify(jsonPatch(JSON.parse(body) as HeadPatch));
  return body;
}

/** A head's patch as JSON Patch: unlike a merge patch it can make a member `null`, as `updated` often is. */
function jsonPatch(patch: HeadPatch): object[] {
  const pointer = (key: string) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return [
    ...Object.entries(patch.set).map(([key, value]) => ({ op: 'add', path: pointer(key), value })),
    ...patch.unset.map((key) => ({ op: 'remove', path: pointer(key) })),
  ];
}

/** What an edit writes, as JSON text. */
export function textOf(edit: Edit): string | undefined {
  return 'value' in edit ? JSON.stringify(edit.value) : undefined;
}

/** What the entity was before an edit, as JSON text; nothing for what is new. */
export function baseTextOf(edit: Edit): string | undefined {
  return 'before' in edit && edit.before !== null && edit.before !== undefined
    ? JSON.stringify(edit.before)
    : undefined;
}

/** Whether an edit is of something that was there before. */
export function existed(edit: Edit): boolean {
  return edit.kind === 'head' || edit.op === 'delete' || ('before' in edit && edit.before !== null);
}

export function joinPatches(first: HeadPatch, then: HeadPatch): HeadPatch {
  const gone = new Set(then.unset);
  const kept = Object.entries(first.set).filter(([key]) => !gone.has(key));
  const set = { ...Object.fromEntries(kept), ...then.set };
  const unset = [...new Set([...first.unset, ...then.unset])].filter((key) => !(key in then.set));
  return { set, unset };
}

/** A later entry of the same entity, which goes on from what the earlier one is based on. */
export function succeed(old: Entry, later: Entry): Entry {
  const { body: oldBody, rejected: _, ...before } = old;
  const { body, baseBody, ...rest } = later;
  const isPatch = later.kind === 'head' && oldBody !== undefined && body !== undefined;
  const text = isPatch ? JSON.stringify(joinPatches(patchOf(oldBody), patchOf(body))) : body;
  const was = isPatch ? JSON.stringify(joinPatches(patchOf(baseBody), patchOf(old.baseBody))) : old.baseBody;
  return {
    ...before,
    ...rest,
    order: old.order,
    base: old.base,
    version: old.version + later.version + 1,
    ...(text === undefined ? {} : { body: text }),
    ...(was === undefined ? {} : { baseBody: was }),
  };
}

function patchOf(text: string | undefined): HeadPatch {
  return JSON.parse(text ?? '{"set":{},"unset":[]}') as HeadPatch;
}

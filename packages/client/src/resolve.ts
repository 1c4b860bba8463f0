import type { Conversation, Message } from './chat.js';
import { cursor, type Cursor } from './cursor.js';
import type { HeadPatch } from './edit.js';
import { keyOf, pathOf, type Entry } from './entry.js';
import { equal, has, isObject } from './json.js';
import { COUNTED, mergeConversation, mergeJson, mergeMessage } from './merge.js';
import { newId } from './new-id.js';
import type { Conflict, OutboxOptions } from './outbox.js';
import type { Reply } from './transport.js';

/** What becomes of a write that the server refused. */
export interface Resolution {
  /** What is pending instead: the same key is another try, none is an end. */
  entries: Entry[];
  conflict?: Omit<Conflict, 'at'>;
  /** What the server has then under the entity's id. */
  server?: unknown;
  /** The id of the message that our text went to. */
  sibling?: string;
}

type Options = Pick<OutboxOptions, 'transport' | 'readConversation' | 'newId'>;

/** Decides by the server's reply what becomes of a refused write. Nothing is overwritten that was not seen. */
export function createResolver(options: Options): (entry: Entry, reply: Reply) => Promise<Resolution> {
  const { transport } = options;
  const makeId = options.newId ?? newId;

  return async (entry, reply) => {
    const code = String(reply.body['code']);
    if (code === 'revision_conflict') return conflict(entry, reply);
    if (code === 'conversation_not_found') return bringBack(entry);
    if (code === 'message_not_found' && entry.after !== undefined) return { entries: [withoutPlace(entry)] };
    if (code === 'ambiguous_message_id') return wholeInstead(entry);
    if (code === 'patch_failed' && entry.kind === 'head') return fittingPatch(entry);
    return { entries: [{ ...entry, rejected: { code, error: String(reply.body['error']) } }] };
  };

  async function conflict(entry: Entry, reply: Reply): Promise<Resolution> {
    const found = await current(entry, reply);
    if (!found) return absent(entry);
    const retry: Entry = { ...entry, base: found.at };
    if (entry.base !== null && (await isOwnWork(entry, entry.base))) return { entries: [retry] };
    const theirs = found.value;
    if (entry.op === 'delete') {
      // Somebody changed what we delete: their work stays.
      return { entries: [], conflict: noted(entry, 'theirs'), server: theirs };
    }
    switch (entry.kind) {
      case 'message':
        return mergedMessage(retry, theirs);
      case 'head':
        return mergedHead(retry, theirs);
      case 'conversation':
        return mergedConversation(retry, theirs);
      default:
        return mergedDocument(retry, theirs);
    }
  }

  function mergedMessage(retry: Entry, theirs: unknown): Resolution {
    const ours = parsed(retry.body) as Message;
    const { value, sibling } = mergeMessage(parsed(retry.baseBody), ours, theirs, makeId);
    if (!sibling) {
      return {
        entries: [{ ...retry, body: JSON.stringify(value), baseBody: JSON.stringify(theirs) }],
        server: value,
      };
    }
    const beside: Entry = {
      ...withoutBase(retry),
      key: keyOf({ kind: 'message', parent: retry.parent ?? '', id: sibling.id }),
      id: sibling.id,
      after: retry.id,
      body: JSON.stringify(sibling),
      version: 0,
    };
    return { entries: [beside], conflict: noted(retry, 'sibling'), server: theirs, sibling: sibling.id };
  }

  /** A patch changes only what it names, so it fits any head; what both named is ours, theirs is in history. */
  function mergedHead(retry: Entry, theirs: unknown): Resolution {
    const patch = parsed(retry.body) as HeadPatch;
    const was = parsed(retry.baseBody) as HeadPatch | undefined;
    const head = isObject(theirs) ? theirs : {};
    const both = Object.keys(patch.set).filter(
      (key) => !COUNTED.has(key) && !equal(head[key], was?.set[key]) && !equal(head[key], patch.set[key]),
    );
    return both.length === 0 ? { entries: [retry] } : { entries: [retry], conflict: noted(retry, 'merged') };
  }

  function mergedConversation(retry: Entry, theirs: unknown): Resolution {
    const base = (parsed(retry.baseBody) as Conversation | undefined) ?? null;
    const ours = parsed(retry.body) as Conversation;
    const merged = mergeConversation(base, ours, theirs as Conversation, makeId);
    const entry = { ...retry, body: JSON.stringify(merged.value), baseBody: JSON.stringify(theirs) };
    const conflicts = merged.conflicts.length > 0 ? { conflict: noted(retry, 'merged') } : {};
    return { entries: [entry], server: merged.value, ...conflicts };
  }

  function mergedDocument(retry: Entry, theirs: unknown): Resolution {
    const merged = mergeJson(parsed(retry.baseBody), parsed(retry.body), theirs);
    const entry = { ...retry, body: JSON.stringify(merged.value), baseBody: JSON.stringify(theirs) };
    const conflicts = merged.conflicts.length > 0 ? { conflict: noted(retry, 'merged') } : {};
    return { entries: [entry], server: merged.value, ...conflicts };
  }

  /** What was changed here was deleted elsewhere: it comes back. What was deleted on both sides is done. */
  function absent(entry: Entry): Resolution {
    if (entry.op === 'delete') return { entries: [] };
    if (entry.kind === 'head') return bringBack(entry);
    const { after: _, ...anew } = withoutBase(entry);
    return { entries: [anew], conflict: noted(entry, 'merged') };
  }

  /** The whole conversation was deleted elsewhere while it was changed here. */
  function bringBack(entry: Entry): Resolution {
    if (entry.op === 'delete') return { entries: [] };
    const id = entry.parent ?? entry.id;
    const lone = { id, messages: entry.kind === 'message' ? [parsed(entry.body)] : [] };
    const whole = options.readConversation?.(id) ?? lone;
    return { entries: [wholeOf(entry, whole, null)], conflict: noted(entry, 'merged') };
  }

  /** Messages without an id of their own can only be written with their conversation. */
  function wholeInstead(entry: Entry): Resolution {
    const whole = options.readConversation?.(entry.parent ?? entry.id);
    if (whole) return { entries: [wholeOf(entry, whole, entry.base)] };
    const error = 'Several messages of this conversation have the same id';
    return { entries: [{ ...entry, rejected: { code: 'ambiguous_message_id', error } }] };
  }

  /** Takes out of a patch the removal of members that are not there. */
  async function fittingPatch(entry: Entry): Promise<Resolution> {
    const found = await read(entry);
    if (!found) return bringBack(entry);
    const patch = parsed(entry.body) as HeadPatch;
    const head = isObject(found.value) ? found.value : {};
    const unset = patch.unset.filter((key) => has(head, key));
    if (unset.length === patch.unset.length) {
      return {
        entries: [{ ...entry, rejected: { code: 'patch_failed', error: 'The change does not fit' } }],
      };
    }
    return { entries: [{ ...entry, base: found.at, body: JSON.stringify({ ...patch, unset }) }] };
  }

  /** What is stored, from the refusal itself or, where it is too large for that, read. */
  async function current(entry: Entry, reply: Reply): Promise<{ value: unknown; at: Cursor } | undefined> {
    const { currentRevision, current: value, currentOmitted } = reply.body;
    if (currentRevision === null || currentRevision === undefined) return undefined;
    const epoch = reply.headers.get('holdfast-epoch');
    const isWhole = entry.kind === 'conversation' && entry.op === 'put';
    if (currentOmitted || value === null || value === undefined || isWhole || epoch === null)
      return read(entry);
    return { value: shaped(entry, value), at: cursor(epoch, Number(currentRevision)) };
  }

  async function read(entry: Entry): Promise<{ value: unknown; at: Cursor } | undefined> {
    const device = entry.device === undefined ? '' : `?device=${encodeURIComponent(entry.device)}`;
    const reply = await transport.send({ method: 'GET', path: pathOf(entry) + device });
    if (reply.status === 404) return undefined;
    if (!reply.ok) throw new Error(String(reply.body['error']));
    const { conversation, message, revision, epoch } = reply.body;
    const value = conversation ?? message ?? reply.body;
    return { value: shaped(entry, value), at: cursor(String(epoch), Number(revision)) };
  }

  /** Whether every change of the entity since `base` came from this client: then there is nobody to merge with. */
  async function isOwnWork(entry: Entry, base: Cursor): Promise<boolean> {
    if (entry.kind === 'document') return false;
    const own = transport.options.clientId;
    const conversation = entry.parent ?? entry.id;
    for (let after = base; ;) {
      const path = `/api/changes?after=${encodeURIComponent(after)}&limit=5000&kinds=conversation,message`;
      const { ok, body } = await transport.send({ method: 'GET', path });
      if (!ok || body['reset']) return false;
      const changes = body['changes'] as {
        kind: string;
        id: string;
        parent: string | null;
        client: string | null;
      }[];
      const isOfEntity = (c: (typeof changes)[number]) =>
        entry.kind === 'message'
          ? c.kind === 'message' && c.parent === conversation && c.id === entry.id
          : c.id === conversation || (entry.kind === 'conversation' && c.parent === conversation);
      if (changes.some((c) => isOfEntity(c) && (own === undefined || c.client !== own))) return false;
      if (changes.length < 5000) return true;
      after = body['cursor'] as Cursor;
    }
  }
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}

function withoutPlace(entry: Entry): Entry {
  const { after: _, ...rest } = entry;
  return rest;
}

function withoutBase(entry: Entry): Entry {
  const { baseBody: _, ...rest } = entry;
  return { ...rest, base: null };
}

function wholeOf(entry: Entry, whole: unknown, base: Cursor | null): Entry {
  const id = entry.parent ?? entry.id;
  const key = keyOf({ kind: 'conversation', id });
  return {
    key,
    order: entry.order,
    kind: 'conversation',
    op: 'put',
    id,
    body: JSON.stringify(whole),
    base,
    version: 0,
  };
}

function noted(entry: Entry, kept: Conflict['kept']): Omit<Conflict, 'at'> {
  return {
    kind: entry.kind,
    id: entry.id,
    ...(entry.parent === undefined ? {} : { parent: entry.parent }),
    kept,
  };
}

/** An answer's entity in the shape that a write of it has. */
function shaped(entry: Entry, value: unknown): unknown {
  if (entry.kind !== 'document' || !isObject(value)) return value;
  const { data, version, bare, beside } = value;
  return { data, version, ...(bare ? { bare } : {}), ...(beside ? { beside } : {}) };
}

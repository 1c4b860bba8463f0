import type { Conversation } from '../../chat.js';
import { cursor, type Cursor } from '../../cursor.js';
import { HoldfastError } from '../../error.js';
import { isObject } from '../../json.js';
import { Unreachable, type Transport } from '../../transport.js';
import { isOfChats, type FeedChange } from '../replica.js';

/** What stands around the conversations in the app's store: other members of its state, and its version. */
export interface Envelope {
  rest: Record<string, unknown>;
  version: number | null;
}

const STORE = '/api/stores/app-chats';
const PAGE = 5_000;
/** From so many on, a list is quicker than one request for each. */
const MANY = 8;

/** All conversations, in the order of the list. */
export async function readAll(
  transport: Transport,
): Promise<{ conversations: Conversation[]; envelope: Envelope; at: Cursor }> {
  const reply = await transport.send({ method: 'GET', path: STORE });
  const { data, version, epoch, revision } = reply.body;
  if (reply.status === 404) return { conversations: [], envelope: NO_ENVELOPE, at: await here(transport) };
  if (!reply.ok) throw new HoldfastError(reply);
  const { conversations, ...rest } = isObject(data) ? data : {};
  const seen = reply.headers.get('holdfast-cursor') as Cursor | null;
  return {
    conversations: (conversations ?? []) as Conversation[],
    envelope: { rest, version: typeof version === 'number' ? version : null },
    // Of the store when the header is hidden from a page of another origin: older, so only less is assumed.
    at: seen ?? cursor(String(epoch), Number(revision)),
  };
}

export const NO_ENVELOPE: Envelope = { rest: {}, version: null };

async function here(transport: Transport): Promise<Cursor> {
  const { body } = await transport.send({ method: 'GET', path: '/api/changes?limit=1' });
  const { body: last } = await transport.send({
    method: 'GET',
    path: `/api/state?after=${encodeURIComponent(String(body['cursor']))}`,
  });
  return last['cursor'] as Cursor;
}

/** Ids of conversations that changed after a cursor; nothing when that cannot be told from there. */
export async function readTouched(
  transport: Transport,
  after: Cursor,
): Promise<{ ids: Set<string>; at: Cursor } | undefined> {
  const ids = new Set<string>();
  for (let at = after; ;) {
    const path = `/api/changes?after=${encodeURIComponent(at)}&limit=${PAGE}&kinds=conversation,message`;
    const reply = await transport.send({ method: 'GET', path });
    if (!reply.ok) throw new HoldfastError(reply);
    const page = reply.body as unknown as { changes: FeedChange[]; cursor: Cursor; reset?: boolean };
    if (page.reset) return undefined;
    for (const id of touchedBy(page.changes)) ids.add(id);
    at = page.cursor;
    if (page.changes.length < PAGE) return { ids, at };
  }
}

export function touchedBy(changes: readonly FeedChange[]): string[] {
  return changes.flatMap((c) => (isOfChats(c.kind) ? [c.parent ?? c.id] : []));
}

/** The conversations of these ids as they are now; `null` for those that are gone. */
export async function readThese(
  transport: Transport,
  ids: ReadonlySet<string>,
  changedSince: Cursor,
): Promise<Map<string, Conversation | null>> {
  const found = new Map<string, Conversation | null>([...ids].map((id) => [id, null]));
  if (ids.size > MANY) {
    for (const conversation of await readChanged(transport, changedSince)) {
      if (found.has(conversation.id)) found.set(conversation.id, conversation);
    }
    return found;
  }
  for (const id of ids) {
    const reply = await transport.send({ method: 'GET', path: `/api/chats/${encodeURIComponent(id)}` });
    if (!reply.ok && reply.status !== 404) throw new HoldfastError(reply);
    if (reply.ok) found.set(id, reply.body['conversation'] as Conversation);
  }
  return found;
}

async function readChanged(transport: Transport, since: Cursor): Promise<Conversation[]> {
  const path = `/api/chats?order=list&changed_since=${encodeURIComponent(since)}`;
  const response = await transport.open({ method: 'GET', path, headers: { accept: 'application/x-ndjson' } });
  if (!response.ok) {
    throw new HoldfastError({
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
    });
  }
  const lines = (await response.text()).trimEnd().split('\n');
  const end = JSON.parse(lines.pop() ?? '{}') as { end?: true; count?: number };
  // A list without its last line was cut: what is missing is not deleted.
  if (!end.end || end.count !== lines.length) throw new Unreachable(`the answer to ${path} was cut`);
  return lines.map((line) => JSON.parse(line) as Conversation);
}

/** Saves what stands around the conversations; they stay as they are. */
export async function writeEnvelope(transport: Transport, { rest, version }: Envelope): Promise<void> {
  const body = JSON.stringify({ data: { ...rest, conversations: [] }, version });
  const reply = await transport.send({ method: 'PUT', path: `${STORE}?mode=merge`, body });
  if (!reply.ok) throw new HoldfastError(reply);
}

import { keyOf } from '../../client/src/entry.js';
import { etag, type Cursor } from '../../client/src/cursor.js';
import type { Reply } from '../../client/src/transport.js';
import { missingOnServer } from './assets.js';
import { readChats } from './chats.js';
import type { Hydration } from './hydrate.js';
import { mark } from './marks.js';
import { settings } from './local-storage.js';
import { native } from './native.js';
import { readOwn, updateOwn } from './own.js';
import type { Panel } from './panel.js';
import { seed } from './seed.js';
import type { Server, ServerState } from './server.js';
import { CHATS } from './value.js';

/**
 * The app put a backup in the place of its settings. They become pending writes, as if each had been changed by hand;
 * what is not in the backup stays on the server.
 */
export function restoreSettings(state: ServerState | undefined): void {
  const { cursor = null, known = [] } = readOwn();
  for (const [order, edit] of settings(new Set()).entries()) {
    const { kind, op, id, device } = edit;
    const whose = device === undefined ? {} : { device };
    mark({
      key: keyOf(edit),
      kind,
      op,
      id,
      order,
      version: 0,
      base: known.includes(id) ? cursor : null,
      ...whose,
    });
  }
  updateOwn({ isRestored: undefined });
  if (state) seed(state, true);
}

type Parts = Pick<Hydration, 'server' | 'keyval' | 'outbox'>;

/**
 * The app put a backup in the place of its chats: the server gets it as one replacement. False: somebody else wrote
 * since this browser last saw what is there, and somebody has to say what becomes of that.
 */
export async function restoreChats(parts: Parts): Promise<boolean> {
  const text = await parts.keyval.chats();
  // Emptied, and nothing put in its place: that deletes nothing on the server.
  if (readChats(text).length === 0) {
    await parts.keyval.setChats(undefined, null);
    return true;
  }
  const seen = await lastSeen(parts.server);
  let reply = await put(parts, '', { 'if-match': seen ? etag(seen) : '"none"' });
  // There is nothing yet that it could replace.
  if (reply.status === 412 && reply.body['currentRevision'] === null) {
    reply = await put(parts, '', { 'if-none-match': '*' });
  }
  if (reply.status === 412) return false;
  await settle(parts, reply);
  return true;
}

/** Asks what the backup is to do with what others wrote. Resolves with whether it was done. */
export async function askToRestore(parts: Parts, panel: Panel): Promise<boolean> {
  const choice = await panel.ask(
    'Replace the chats on the server by the backup?',
    'Another device changed chats since. Replacing takes them out of the server’s list; its history keeps them.\nThe page reloads with the result.',
    { merge: 'Keep both', replace: 'Replace', later: 'Not now' },
  );
  if (choice === 'later') return false;
  const query = choice === 'merge' ? '?mode=merge' : `?confirm=${await chatCount(parts.server)}`;
  await settle(parts, await put(parts, query, {}));
  return true;
}

async function put(
  { server, keyval }: Parts,
  query: string,
  headers: Record<string, string>,
): Promise<Reply> {
  const { state, version } = native.parse((await keyval.chats()) ?? '') as {
    state: unknown;
    version?: number;
  };
  const body = native.stringify({ data: state, ...(version === undefined ? {} : { version }) });
  return server.transport.send({ method: 'PUT', path: `/api/stores/${CHATS}${query}`, body, headers });
}

/** The server has it: from here on its chats are this browser's again. */
async function settle({ server, keyval, outbox }: Parts, reply: Reply): Promise<void> {
  if (!reply.ok) throw new Error(`The server did not take the backup: ${String(reply.body['error'])}`);
  await keyval.setCursor(null);
  await keyval.setRestored(false);
  updateOwn({ restoredOver: undefined });
  await outbox.add(await missingOnServer(server));
}

/** Up to where this browser has seen everything: its cursor, and what only it wrote since. */
async function lastSeen({ transport }: Server): Promise<Cursor | null> {
  const { restoredOver: cursor, client } = readOwn();
  if (cursor === undefined) return null;
  const path = `/api/changes?after=${encodeURIComponent(cursor)}&limit=5000&kinds=conversation,message`;
  const { ok, body } = await transport.send({ method: 'GET', path });
  const changes = (body['changes'] ?? []) as { client: string | null }[];
  const isOwn = ok && !body['reset'] && changes.length < 5000 && changes.every((c) => c.client === client);
  return isOwn ? (body['cursor'] as Cursor) : cursor;
}

async function chatCount({ transport }: Server): Promise<number> {
  return Number((await transport.send({ method: 'GET', path: '/api/state' })).body['conversationCount']);
}

import { keyOf } from '../../client/src/entry.js';
import { etag, type Cursor } from '../../client/src/cursor.js';
import type { Outbox } from '../../client/src/outbox.js';
import { missingOnServer } from './assets.js';
import { readChats } from './chats.js';
import type { Keyval } from './keyval.js';
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

/**
 * The app put a backup in the place of its chats: the server gets it as one replacement, unless somebody else wrote
 * since this browser last saw what is there. False: that is not decided, and the app goes on with what it has.
 */
export async function restoreChats(
  { server, keyval, outbox }: { server: Server; keyval: Keyval; outbox: Outbox },
  panel: Panel,
): Promise<boolean> {
  const text = await keyval.chats();
  // Emptied, and nothing put in its place: that deletes nothing on the server.
  if (text === undefined || readChats(text).length === 0) {
    await keyval.setChats(undefined, null);
    return true;
  }
  const { state, version } = native.parse(text) as { state: unknown; version?: number };
  const body = native.stringify({ data: state, ...(version === undefined ? {} : { version }) });
  const put = (query: string, headers: Record<string, string>) =>
    server.transport.send({ method: 'PUT', path: `/api/stores/${CHATS}${query}`, body, headers });
  const seen = await lastSeen(server);
  let reply = await put('', { 'if-match': seen ? etag(seen) : '"none"' });
  if (reply.status === 412) {
    const choice = await panel.ask(
      'Replace the chats on the server by the backup?',
      'Another device changed chats since. Replacing takes them out of the server’s list; its history keeps them.',
      { merge: 'Keep both', replace: 'Replace', later: 'Not now' },
    );
    if (choice === 'later') return false;
    reply =
      choice === 'merge'
        ? await put('?mode=merge', {})
        : await put(`?confirm=${await chatCount(server)}`, {});
  }
  if (!reply.ok) throw new Error(`The server did not take the backup: ${String(reply.body['error'])}`);
  await keyval.setRestored(false);
  updateOwn({ restoredOver: undefined });
  await outbox.add(await missingOnServer(server));
  return true;
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

import type { Outbox } from '../../client/src/outbox.js';
import type { Chats } from './chats.js';
import { readOwn, updateOwn } from './own.js';
import type { Server } from './server.js';
import { CHATS } from './value.js';

/**
 * Keeps the `version` that the app writes its chats with on the server: handed back to an app that was upgraded since,
 * it starts the app's own migration. Told only when all chats are there, so that it never precedes them.
 */
export function keepVersion(outbox: Outbox, chats: Chats, { transport }: Server): void {
  let isAsking = false;
  let told = readOwn().chatsVersion;
  outbox.status.subscribe(({ pending }) => {
    const { version } = chats;
    if (pending > 0 || isAsking || version === undefined || version === told) return;
    isAsking = true;
    const body = JSON.stringify({ data: { conversations: [] }, version });
    transport
      .send({ method: 'PUT', path: `/api/stores/${CHATS}?mode=merge`, body })
      .then(({ ok }) => {
        if (!ok) return;
        told = version;
        updateOwn({ chatsVersion: version });
      })
      .catch(() => undefined)
      .finally(() => (isAsking = false));
  });
}

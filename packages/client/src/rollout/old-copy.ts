import type { Transport } from '../transport.js';

/** How long a browser must have been in `server` mode before its old copy may go. */
const DAYS = 7;
const DAY_MS = 24 * 3_600_000;

/** Whether the browser's own copy from before may be removed, and if not, what is missing. */
export type OldCopy =
  | { mayRemove: true; backup: string }
  | { mayRemove: false; missing: 'time'; from: number }
  | { mayRemove: false; missing: 'backup' };

/**
 * Whether the old copy may be removed: a week in `server` mode, and a backup from within that time which was read
 * back and found good, and is so still. `since`: when this browser came to `server` mode, milliseconds since 1970.
 */
export async function mayRemoveOldCopy(
  transport: Transport,
  since: number | null,
  now = Date.now(),
): Promise<OldCopy> {
  const from = (since ?? now) + DAYS * DAY_MS;
  if (now < from) return { mayRemove: false, missing: 'time', from };
  const { ok, body } = await transport.send({ method: 'GET', path: '/api/backups' });
  if (!ok) throw new Error(String(body['error']));
  const backups = body['backups'] as { id: string; at: number; verified: boolean }[];
  for (const { id, at, verified } of backups) {
    if (!verified || at < (since ?? 0)) continue;
    const path = `/api/backups/${encodeURIComponent(id)}/verify`;
    const checked = await transport.send({ method: 'POST', path, body: '{}' });
    if ((checked.body['backup'] as { verified?: boolean } | undefined)?.verified)
      return { mayRemove: true, backup: id };
  }
  return { mayRemove: false, missing: 'backup' };
}

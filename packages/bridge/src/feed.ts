import { changes, type Change } from '../../client/src/changes.js';
import type { Progress } from './progress.js';
import type { Server } from './server.js';

/** Follows what everybody writes. `onElsewhere`: the running app cannot know of a change; a reload brings it. */
export async function followFeed(
  { transport }: Server,
  progress: Progress,
  client: string,
  onElsewhere: () => void,
): Promise<void> {
  for await (const event of changes(transport, { after: progress.at ?? undefined })) {
    if (event.type === 'change' && isKnownHere(event, client)) {
      progress.advance(event.cursor);
      continue;
    }
    progress.stop();
    // What another device's answers cost is no reason to interrupt anybody.
    if (event.type === 'reset' || event.kind !== 'usage') onElsewhere();
  }
}

/** Our own, other devices' own stores, images, which are read when they are needed, and what is none of the app's. */
function isKnownHere({ client, kind, parent }: Change, own: string): boolean {
  if (client === own || kind === 'asset' || kind === 'report') return true;
  return kind === 'document' && parent !== null && parent !== '' && parent !== own;
}

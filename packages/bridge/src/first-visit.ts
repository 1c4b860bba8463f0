import { readChats } from './chats.js';
import { Move, type MoveOptions } from './move.js';
import { page } from './native.js';
import type { Panel } from './panel.js';

/**
 * Asks what becomes of data that is in this browser only, and does it. Resolves with whether the app's writes are
 * mirrored from now on.
 */
export async function offerMove(
  panel: Panel,
  options: Omit<MoveOptions, 'onProgress' | 'bind'>,
  bind: (isMerged: boolean) => MoveOptions['bind'],
): Promise<boolean> {
  const { keyval, state } = options;
  const text = await keyval.chats();
  const here = `${count(readChats(text).length, 'chat')} (${size(text?.length ?? 0)})`;
  const isMerged = state.conversationCount + state.assetCount + state.stores.length > 0;
  const there = `, the server has ${count(state.conversationCount, 'chat')}. What both have is merged, and both texts of a message are kept. The page reloads at the end`;
  const choice = await panel.ask(
    isMerged ? 'Merge this browser’s chats with the server’s?' : 'Move this browser’s chats to the server?',
    `This browser has ${here}${isMerged ? there : ''}. Nothing is deleted.\nUntil then they are only in this browser.`,
    { move: isMerged ? 'Merge' : 'Move', later: 'Not now' },
  );
  if (choice === 'later') return false;

  const show = panel.follow(isMerged ? 'Merging' : 'Moving', () => move.cancel());
  const move = new Move({
    ...options,
    bind: bind(isMerged),
    onProgress: (done, of, problem) =>
      show(problem ?? `${done} of ${of}; then all of it is read back`, done, of),
  });
  const result = await move.run().finally(() => panel.close());
  if (!result) return false;
  const { compared, different } = result;
  const isDone = different.length === 0;
  await panel.ask(
    isDone ? 'Everything is on the server' : 'Not everything arrived as it was',
    isDone
      ? `${count(compared, 'item')}, ${count(result.conversations, 'chat')} among them, were read back and compared.`
      : `${different.length} of ${count(compared, 'item')} differ, and this browser goes on with its own data. The server’s reports name them. Reload to try again.`,
    { done: isDone && isMerged ? 'Reload' : 'Close' },
  );
  if (isDone && isMerged) page.reload();
  return isDone;
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function count(n: number, what: string): string {
  return `${n.toLocaleString()} ${what}${n === 1 ? '' : 's'}`;
}

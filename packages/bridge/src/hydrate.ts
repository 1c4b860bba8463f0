import { earlier, type Cursor } from '../../client/src/cursor.js';
import type { Outbox } from '../../client/src/outbox.js';
import { assetsIn, assetsOf } from './assets.js';
import type { Chats } from './chats.js';
import type { Kept, Keyval } from './keyval.js';
import { overlay } from './overlay.js';
import type { Progress } from './progress.js';
import type { Server, ServerState } from './server.js';

/** How long the app waits for what an earlier visit left unsent. */
const SEND_FIRST_MS = 2500;

/** What changes the list of chats; settings are sent beside it. */
const CHAT_KINDS = ['conversation', 'head', 'message'];

export interface Hydration {
  server: Server;
  outbox: Outbox;
  keyval: Keyval;
  chats: Chats;
  progress: Progress;
}

/**
 * Decides what the app finds when it reads its chats: what it kept, with what changed on the server since, and with
 * what is pending here. Resolves with the ids of images that it may lack.
 */
export async function hydrate(
  with_: Hydration,
  kept: Kept,
  /** What the server said at the start, and after which cursor it was asked; nothing when it did not answer. */
  start: { state: ServerState; after: Cursor | undefined } | undefined,
): Promise<string[]> {
  const { server, outbox, progress } = with_;
  await outbox.ready;
  if (!start) {
    progress.start(kept.cursor, true);
    return [];
  }
  const hadPending = outbox.pending().some(({ kind }) => CHAT_KINDS.includes(kind));
  if (hadPending) await Promise.race([outbox.flush(), after(SEND_FIRST_MS)]);
  if (kept.cursor === null || !kept.hasChats) return all(with_, start.state);
  if (kept.cursor === start.state.cursor && !hadPending) {
    progress.start(kept.cursor, true);
    return [];
  }
  const isAnswer = start.after === kept.cursor && !hadPending;
  const state = isAnswer ? start.state : await server.state(kept.cursor);
  return state.reset ? all(with_, state) : changed(with_, kept.cursor, state);
}

async function changed(
  { server, outbox, chats, progress }: Hydration,
  since: Cursor,
  { cursor, conversations }: ServerState,
): Promise<string[]> {
  if (conversations.changed.length + conversations.removed.length === 0) {
    progress.start(cursor, true);
    return [];
  }
  const incoming = {
    changed: conversations.changed.length > 0 ? await server.chatsSince(since) : [],
    removed: conversations.removed,
  };
  chats.setOverlay((list) => overlay(list, incoming, outbox.pending()));
  progress.start(cursor, false);
  return assetsOf(incoming.changed);
}

async function all(
  { server, outbox, keyval, chats, progress }: Hydration,
  state: ServerState,
): Promise<string[]> {
  // What this list has, it has at least up to here.
  const { text, cursor } = await server.chatsText();
  const at = earlier(cursor, state.cursor) ?? state.cursor;
  await keyval.setChats(text, at);
  chats.setOverlay((list) => overlay(list, { changed: [], removed: [] }, outbox.pending()));
  progress.start(at, true);
  return text === undefined ? [] : assetsIn(text);
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

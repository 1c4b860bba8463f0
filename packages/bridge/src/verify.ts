import type { Conversation } from '../../client/src/chat.js';
import type { Edit } from '../../client/src/edit.js';
import { equal, isObject } from '../../client/src/json.js';
import { native } from './native.js';
import type { Server } from './server.js';

/** What was read back, and what of it is not as it was sent. */
export interface Verified {
  compared: number;
  different: { kind: string; id: string }[];
}

/**
 * Reads back what was moved and compares it, member by member. That says more than a comparison of hashes, and works
 * on pages of a plain http address too, which cannot hash.
 */
export async function verify(
  server: Server,
  conversations: readonly Conversation[],
  others: readonly Edit[],
  isMerged: (id: string) => boolean,
): Promise<Verified> {
  const different: Verified['different'] = [];
  const chats = new Map((await server.allChats()).map((c) => [c.id, c]));
  for (const chat of conversations) {
    if (!isThere(chat, chats.get(chat.id), isMerged(chat.id)))
      different.push({ kind: 'conversation', id: chat.id });
  }
  for (const edit of others) {
    const { kind, id } = edit;
    const isSame = isMerged(id) || equal(await sent(edit), await stored(server, kind, id));
    if (!isSame) different.push({ kind, id });
  }
  return { compared: conversations.length + others.length, different };
}

async function sent(edit: Edit): Promise<unknown> {
  if (edit.kind === 'document' && edit.op === 'put') return edit.value.data;
  if (edit.kind !== 'asset' || edit.op !== 'put') return undefined;
  const record = await edit.record();
  // Times become text on their way.
  return record === undefined ? undefined : native.parse(native.stringify(record));
}

function stored(server: Server, kind: string, id: string): Promise<unknown> {
  return kind === 'asset' ? server.asset(id) : server.storeData(id);
}

/** Of a conversation that both sides had, all of our texts must be there, under their id or beside the other one. */
function isThere(ours: Conversation, theirs: Conversation | undefined, isMerged: boolean): boolean {
  if (!theirs) return false;
  if (!isMerged) return equal(data(ours), data(theirs));
  const text = (m: unknown) => (isObject(m) ? (m['fragments'] ?? m['text']) : m);
  return ours.messages.every((m) => theirs.messages.some((other) => equal(text(m), text(other))));
}

/** The abort controller of a running answer is no data. */
function data({ _abortController: _, ...rest }: Conversation): unknown {
  return rest;
}

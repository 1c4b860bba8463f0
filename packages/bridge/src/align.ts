import type { Conversation } from '../../client/src/chat.js';
import { equal } from '../../client/src/json.js';

/** `list`, with the objects of `others` where they say the same: what is equal becomes identical. */
export function align(list: readonly Conversation[], others: readonly Conversation[]): Conversation[] {
  const byId = new Map(others.map((c) => [c.id, c]));
  return list.map((conversation) => {
    const other = byId.get(conversation.id);
    if (!other || !Array.isArray(conversation.messages) || !Array.isArray(other.messages))
      return conversation;
    const theirs = new Map(other.messages.map((m) => [m.id, m]));
    const messages = conversation.messages.map((m) =>
      equal(m, theirs.get(m.id)) ? (theirs.get(m.id) ?? m) : m,
    );
    const isSame =
      messages.length === other.messages.length && messages.every((m, i) => m === other.messages[i]);
    return { ...conversation, messages: isSame ? other.messages : messages };
  });
}

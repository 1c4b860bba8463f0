import type { Conversation } from '../../chat.js';
import { equal } from '../../json.js';
import { mergeConversation } from '../../merge.js';

/**
 * The list of a browser that kept its chats by itself, and the server's. `base` is what both last had in common:
 * what one side removed since goes, unless the other changed it; of what both changed both texts are kept.
 */
export function takeOver(
  base: readonly Conversation[],
  own: readonly Conversation[],
  theirs: readonly Conversation[],
  newId: () => string,
): Conversation[] {
  const [was, our] = [byId(base), byId(own)];
  const their = byId(theirs);
  const isGone = (mine: Conversation) => was.has(mine.id) && equal(was.get(mine.id), mine);
  const fresh = own.filter((c) => !c._isIncognito && !their.has(c.id) && !isGone(c));
  const kept = theirs.flatMap((c) => {
    const mine = our.get(c.id);
    if (mine) return equal(mine, c) ? [c] : [mergeConversation(was.get(c.id) ?? null, mine, c, newId).value];
    return isGone(c) ? [] : [c];
  });
  return [...fresh, ...kept];
}

function byId(list: readonly Conversation[]): Map<string, Conversation> {
  return new Map(list.map((c) => [c.id, c]));
}

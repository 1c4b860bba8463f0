import { TRANSIENT, type Conversation } from '../../chat.js';
import { has } from '../../json.js';

/** What others made of conversations; `null` for those that they deleted. */
export type Shown = ReadonlyMap<string, { was: Conversation | undefined; now: Conversation | null }>;

/** The app's list with that in it. Members that the app keeps beside the saved ones stay as they are. */
export function shownIn(list: readonly Conversation[], shown: Shown): Conversation[] {
  const here = new Set(list.map((c) => c.id));
  const fresh = [...shown.values()].flatMap(({ now }) => (now && !here.has(now.id) ? [now] : []));
  const kept = list.flatMap((conversation) => {
    const change = shown.get(conversation.id);
    if (!change) return [conversation];
    return change.now ? [brought(conversation, change.was, change.now)] : [];
  });
  return [...fresh, ...kept];
}

function brought(live: Conversation, was: Conversation | undefined, now: Conversation): Conversation {
  if (live === was) return now;
  const isOurs = (key: string) => key === TRANSIENT || !has(was ?? {}, key);
  const kept = Object.entries(live).filter(([key]) => isOurs(key) && (key === TRANSIENT || !has(now, key)));
  return Object.fromEntries([...Object.entries(now), ...kept]) as Conversation;
}

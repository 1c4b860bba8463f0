import { hasUsableIds, TRANSIENT, type Conversation, type Message } from './chat.js';
import type { Edit, HeadPatch } from './edit.js';
import { equal, has } from './json.js';

/**
 * What changed between two lists of conversations, compared by identity: an app with immutable updates keeps the
 * objects that it did not touch. 1 to 2 ms for 2,000 conversations, whatever is in them.
 *
 * Incognito conversations are never handed over. The order of the list is not compared: the app has no way to
 * change it, and an absolute order would take away what another device added.
 */
export function diffChats(before: readonly Conversation[], after: readonly Conversation[]): Edit[] {
  return diffInPlace(before, after) ?? diffLists(before, after);
}

/** The usual write: the same conversations in the same order. Nothing where it is another one. */
function diffInPlace(before: readonly Conversation[], after: readonly Conversation[]): Edit[] | undefined {
  if (before.length !== after.length) return undefined;
  const edits: Edit[] = [];
  for (let i = 0; i < after.length; i++) {
    const [was, now] = [before[i] as Conversation, after[i] as Conversation];
    if (was === now) continue;
    if (was.id !== now.id || was._isIncognito !== now._isIncognito) return undefined;
    if (was.messages === now.messages && isSameHead(was, now)) continue;
    if (!now._isIncognito) diffConversation(was, now, edits);
  }
  return edits;
}

function diffLists(before: readonly Conversation[], after: readonly Conversation[]): Edit[] {
  const old = new Map(before.map((c) => [c.id, c]));
  const edits: Edit[] = [];
  const created: Edit[] = [];
  let isFront = true;
  let previous: string | undefined;
  for (const conversation of after) {
    if (conversation._isIncognito) continue;
    const was = old.get(conversation.id);
    old.delete(conversation.id);
    if (was) {
      isFront = false;
      if (was !== conversation) diffConversation(was, conversation, edits);
    } else {
      const edit = put(conversation, null);
      // New ones go first on the server, so a block of them is sent from its end.
      if (isFront || previous === undefined) created.unshift(edit);
      else created.push({ ...edit, after: previous });
    }
    previous = conversation.id;
  }
  for (const gone of old.values()) {
    if (!gone._isIncognito) edits.push({ kind: 'conversation', op: 'delete', id: gone.id });
  }
  return [...created, ...edits];
}

function put(value: Conversation, before: Conversation | null) {
  return { kind: 'conversation', op: 'put', id: value.id, value, before } as const;
}

function diffConversation(before: Conversation, after: Conversation, edits: Edit[]): void {
  const sameMessages = before.messages === after.messages;
  if (!sameMessages && !isEditOf(before.messages, after.messages)) {
    edits.push(put(after, before));
    return;
  }
  const patch = diffHead(before, after);
  if (patch) edits.push({ kind: 'head', op: 'patch', id: after.id, ...patch, whole: after });
  if (!sameMessages) diffMessages(before.messages, after, edits);
}

/** Whether single messages can tell the difference: usable ids, and what stayed kept its order. */
function isEditOf(before: readonly Message[], after: readonly Message[]): boolean {
  if (![before, after].every((list: unknown) => Array.isArray(list))) return false;
  if (!hasUsableIds(before) || !hasUsableIds(after)) return false;
  const places = new Map(before.map((m, i) => [m.id, i]));
  let last = -1;
  for (const { id } of after) {
    const place = places.get(id);
    if (place === undefined) continue;
    if (place < last) return false;
    last = place;
  }
  return true;
}

function diffMessages(before: readonly Message[], whole: Conversation, edits: Edit[]): void {
  const old = new Map(before.map((m) => [m.id, m]));
  const parent = whole.id;
  let previous = '';
  for (const message of whole.messages) {
    const { id } = message;
    const was = old.get(id);
    old.delete(id);
    if (!was) {
      edits.push({
        kind: 'message',
        op: 'put',
        parent,
        id,
        value: message,
        before: null,
        after: previous,
        whole,
      });
    } else if (was !== message) {
      // Not by content: the app changes some messages in place before it copies them. The server knows equals.

      edits.push({ kind: 'message', op: 'put', parent, id, value: message, before: was, whole });
    }
    previous = id;
  }
  for (const gone of old.values()) {
    edits.push({ kind: 'message', op: 'delete', parent, id: gone.id, before: gone, whole });
  }
}

/** The members of the head that differ, and what they were. */
function diffHead(before: Conversation, after: Conversation): { value: HeadPatch; before: HeadPatch } | null {
  if (isSameHead(before, after)) return null;
  const value: HeadPatch = { set: {}, unset: [] };
  const was: HeadPatch = { set: {}, unset: [] };
  let differs = false;
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (key === 'messages' || key === TRANSIENT) continue;
    const [from, to] = [member(before, key), member(after, key)];
    if (from === to || equal(from, to)) continue;
    differs = true;
    if (to === undefined) value.unset.push(key);
    else value.set[key] = to;
    if (from === undefined) was.unset.push(key);
    else was.set[key] = from;
  }
  return differs ? { value, before: was } : null;
}

/** The usual case, without a copy of the keys: this runs for every conversation at every write. */
function isSameHead(before: Conversation, after: Conversation): boolean {
  let members = 0;
  for (const key in after) {
    members += 1;
    if (key !== 'messages' && after[key] !== before[key]) return false;
  }
  for (const _ in before) members -= 1;
  return members === 0;
}

function member(object: Conversation, key: string): unknown {
  return has(object, key) ? object[key] : undefined;
}

import type { Conversation, Message } from './chat.js';
import { equal, has, isObject } from './json.js';

/** A merged value, and where both sides had changed the same thing: paths such as `title` or `llms.gpt.label`. */
export interface Merged<T> {
  value: T;
  conflicts: string[];
}

type Rule = (base: unknown, ours: unknown, theirs: unknown) => unknown;

/**
 * Merges what two sides made of `base`. Objects are merged by member, arrays of objects with unique ids by id;
 * of anything else the side that changed it wins. Where both changed it, ours wins and the path is in `conflicts`:
 * the server's history has the other.
 */
export function mergeJson(base: unknown, ours: unknown, theirs: unknown, rule?: Rule): Merged<unknown> {
  const conflicts: string[] = [];
  const value = merge(base, ours, theirs, '', conflicts, rule);
  return { value, conflicts };
}

function merge(
  base: unknown,
  ours: unknown,
  theirs: unknown,
  path: string,
  conflicts: string[],
  rule?: Rule,
): unknown {
  if (equal(base, theirs) || equal(ours, theirs)) return ours;
  if (equal(base, ours)) return theirs;
  const ruled = rule?.(base, ours, theirs);
  if (ruled !== undefined) return ruled;
  if (isObject(ours) && isObject(theirs)) {
    return mergeMembers(isObject(base) ? base : {}, ours, theirs, path, conflicts, rule);
  }
  const lists = byId(ours) && byId(theirs);
  if (lists) return mergeLists(base, ours as Item[], theirs as Item[], path, conflicts, rule);
  conflicts.push(path);
  return ours === undefined ? theirs : ours;
}

function mergeMembers(
  base: Record<string, unknown>,
  ours: Record<string, unknown>,
  theirs: Record<string, unknown>,
  path: string,
  conflicts: string[],
  rule?: Rule,
): Record<string, unknown> {
  const merged: [string, unknown][] = [];
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  for (const key of keys) {
    const of = (object: Record<string, unknown>) => (has(object, key) ? object[key] : undefined);
    const below = path === '' ? key : `${path}.${key}`;
    const value = merge(of(base), of(ours), of(theirs), below, conflicts, rule);
    if (value !== undefined) merged.push([key, value]);
  }
  // Not by assignment: a member may be called `__proto__`.
  return Object.fromEntries(merged);
}

interface Item {
  id: string;
}

/** The items by id; nothing when it is no list of objects with unique ids. */
function byId(list: unknown): Map<string, unknown> | undefined {
  if (!Array.isArray(list)) return undefined;
  const items = new Map<string, unknown>();
  for (const item of list) {
    if (!isObject(item) || typeof item['id'] !== 'string') return undefined;
    items.set(item['id'], item);
  }
  return items.size === list.length ? items : undefined;
}

/** Our order; what only they have comes after the item that it follows with them. */
function mergeLists(
  base: unknown,
  ours: Item[],
  theirs: Item[],
  path: string,
  conflicts: string[],
  rule?: Rule,
): unknown[] {
  const [was, our, their] = [byId(base) ?? new Map<string, unknown>(), byId(ours), byId(theirs)];
  const merged: unknown[] = [];
  const places = new Map<string, number>();
  const add = (id: string, value: unknown, at = merged.length) => {
    merged.splice(at, 0, value);
    for (const [other, place] of places) if (place >= at) places.set(other, place + 1);
    places.set(id, at);
  };
  for (const item of ours) {
    const other = their?.get(item.id);
    const below = `${path}.${item.id}`;
    if (other !== undefined) add(item.id, merge(was.get(item.id), item, other, below, conflicts, rule));
    // They removed it: it stays only if we changed it.
    else if (!was.has(item.id) || !equal(was.get(item.id), item)) add(item.id, item);
  }
  let previous = -1;
  for (const item of theirs) {
    const place = places.get(item.id);
    if (place !== undefined) previous = place;
    else if (!our?.has(item.id) && (!was.has(item.id) || !equal(was.get(item.id), item))) {
      add(item.id, item, previous + 1);
      previous += 1;
    }
  }
  return merged;
}

/** What became of a message that both sides wrote. */
export interface MergedMessage {
  /** Under the message's own id. */
  value: unknown;
  /** Our text, where both sides had changed the text: it becomes a message of its own. */
  sibling?: Message;
}

/**
 * Merges what two sides made of one message. Flags, counts and the like are merged by member; where both changed
 * what it says (`fragments`), theirs keeps the id and ours becomes a sibling after it, marked in its metadata.
 */
export function mergeMessage(
  base: unknown,
  ours: Message,
  theirs: unknown,
  newId: () => string,
): MergedMessage {
  if (!isObject(theirs)) return { value: ours };
  const was = isObject(base) ? base : {};
  const text = (m: Record<string, unknown>) => (has(m, 'fragments') ? m['fragments'] : m['text']);
  const bothSaid =
    !equal(text(ours), text(theirs)) && !equal(text(was), text(ours)) && !equal(text(was), text(theirs));
  if (!bothSaid) return { value: mergeJson(base, ours, theirs).value };
  const metadata = isObject(ours['metadata']) ? ours['metadata'] : {};
  const sibling = { ...ours, id: newId(), metadata: { ...metadata, holdfastConflict: { with: ours.id } } };
  return { value: theirs, sibling };
}

/** Merges what two sides made of one conversation, message by message. */
export function mergeConversation(
  base: Conversation | null,
  ours: Conversation,
  theirs: Conversation,
  newId: () => string,
): Merged<Conversation> {
  const { messages: ourMessages, ...ourHead } = ours;
  const { messages: theirMessages, ...theirHead } = theirs;
  const { messages: wasMessages, ...wasHead } = base ?? { messages: [] };
  const head = mergeJson(wasHead, ourHead, theirHead);
  const siblings = new Map<string, Message>();
  const rule: Rule = (was, our, their) => {
    if (!isObject(our) || !has(our, 'role') || typeof our['id'] !== 'string') return undefined;
    const { value, sibling } = mergeMessage(was, our as Message, their, newId);
    if (sibling) siblings.set(our['id'], sibling);
    return value;
  };
  const merged = mergeJson(wasMessages, ourMessages, theirMessages, rule);
  const messages = (merged.value as Message[]).flatMap((m) => {
    const sibling = siblings.get(m.id);
    return sibling ? [m, sibling] : [m];
  });
  const both = [...siblings.keys()].map((id) => `messages.${id}`);
  return {
    value: { ...(head.value as Conversation), messages },
    conflicts: [...head.conflicts.filter((path) => !COUNTED.has(path)), ...merged.conflicts, ...both],
  };
}

/** Members that every edit sets: that both sides did so is no conflict that anyone needs to know of. */
export const COUNTED: ReadonlySet<string> = new Set(['updated', 'tokenCount']);

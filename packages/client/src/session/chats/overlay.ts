import type { Conversation, Message } from '../../chat.js';
import type { HeadPatch } from '../../edit.js';
import type { Entry } from '../../entry.js';
import { equal } from '../../json.js';

/** The conversation that an entry is of. */
export function conversationOf(entry: Pick<Entry, 'id' | 'parent'>): string {
  return entry.parent ?? entry.id;
}

export function byConversation(entries: readonly Entry[]): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const id = conversationOf(entry);
    groups.set(id, [...(groups.get(id) ?? []), entry]);
  }
  return groups;
}

/** A conversation with pending writes made on it, in their order; nothing when they delete it. */
export function overlay(
  conversation: Conversation | undefined,
  entries: readonly Entry[],
): Conversation | undefined {
  return entries.reduce((now, entry) => written(now, entry), conversation);
}

function written(now: Conversation | undefined, entry: Entry): Conversation | undefined {
  const value = entry.body === undefined ? undefined : (JSON.parse(entry.body) as unknown);
  if (entry.kind === 'conversation') return value as Conversation | undefined;
  if (!now) return undefined;
  if (entry.kind === 'head') return patched(now, value as HeadPatch);
  const others = now.messages.filter((m) => m.id !== entry.id);
  if (entry.op === 'delete') return { ...now, messages: others };
  return { ...now, messages: placed(now.messages, value as Message, entry.after) };
}

function patched(now: Conversation, { set, unset }: HeadPatch): Conversation {
  const gone = new Set(unset);
  const kept = Object.entries(now).filter(([key]) => !gone.has(key));
  return Object.fromEntries([...kept, ...Object.entries(set)]) as Conversation;
}

function placed(messages: readonly Message[], message: Message, after: string | undefined): Message[] {
  if (messages.some((m) => m.id === message.id)) {
    return messages.map((m) => (m.id === message.id ? message : m));
  }
  const at = after === '' ? 0 : messages.findIndex((m) => m.id === after) + 1 || messages.length;
  return messages.toSpliced(at, 0, message);
}

/** `next` with the objects of `old` wherever they are equal: what did not change stays the same to the app. */
export function reusing(old: Conversation | undefined, next: Conversation): Conversation {
  if (!old || !Array.isArray(old.messages)) return next;
  const byId = new Map(old.messages.map((m) => [m.id, m]));
  const messages = next.messages.map((m) => {
    const was = byId.get(m.id);
    return was && equal(was, m) ? was : m;
  });
  const isSame = messages.length === old.messages.length && messages.every((m, i) => m === old.messages[i]);
  const whole = { ...next, messages: isSame ? old.messages : messages };
  return isSame && equal({ ...old, messages: 0 }, { ...whole, messages: 0 }) ? old : whole;
}

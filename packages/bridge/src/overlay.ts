// What the server has and what is pending here, brought into the list of conversations that the app is about to get.
import { hasUsableIds, type Conversation, type Message } from '../../client/src/chat.js';
import type { HeadPatch } from '../../client/src/edit.js';
import type { Entry } from '../../client/src/entry.js';
import { native } from './native.js';

export interface Incoming {
  changed: readonly Conversation[];
  removed: readonly string[];
}

/** Changes `list` in place: first the server's changes, then those that it does not have yet. */
export function overlay(list: Conversation[], incoming: Incoming, pending: readonly Entry[]): void {
  const places = new Map(list.map((c, i) => [c.id, i]));
  const added: Conversation[] = [];
  const touched = new Set(incoming.changed.map((c) => c.id));
  for (const conversation of incoming.changed) {
    const place = places.get(conversation.id);
    if (place === undefined) added.push(conversation);
    else list[place] = conversation;
  }
  const isPending = (id: string) => pending.some((e) => e.op !== 'delete' && conversationOf(e) === id);
  const removed = new Set(incoming.removed.filter((id) => !touched.has(id) && !isPending(id)));
  const kept = [...added, ...list].filter((c) => !removed.has(c.id));
  list.splice(0, list.length, ...kept);
  for (const entry of pending) apply(list, entry);
}

function conversationOf(entry: Entry): string | undefined {
  return entry.kind === 'message' ? entry.parent : entry.kind === 'asset' ? undefined : entry.id;
}

/** What was pending when the app kept its text is in that text already: then this changes nothing. */
function apply(list: Conversation[], entry: Entry): void {
  if (entry.kind !== 'conversation' && entry.kind !== 'head' && entry.kind !== 'message') return;
  const id = conversationOf(entry);
  const place = list.findIndex((c) => c.id === id);
  const conversation = list[place];
  const body: unknown = entry.body === undefined ? undefined : native.parse(entry.body);
  if (entry.kind === 'conversation') {
    if (entry.op === 'delete') list.splice(place, place < 0 ? 0 : 1);
    else if (conversation) list[place] = body as Conversation;
    else list.unshift(body as Conversation);
  } else if (conversation && entry.kind === 'head') {
    const { set, unset } = body as HeadPatch;
    const head = Object.entries({ ...conversation, ...set }).filter(([key]) => !unset.includes(key));
    list[place] = Object.fromEntries(head) as Conversation;
  } else if (conversation && hasUsableIds(conversation.messages)) {
    list[place] = { ...conversation, messages: withMessage(conversation.messages, entry, body as Message) };
  }
}

function withMessage(messages: readonly Message[], entry: Entry, body: Message): Message[] {
  const place = messages.findIndex((m) => m.id === entry.id);
  if (entry.op === 'delete') return messages.filter((m) => m.id !== entry.id);
  if (place >= 0) return messages.map((m, i) => (i === place ? body : m));
  const before = messages.findIndex((m) => m.id === entry.after);
  const at = entry.after === '' ? 0 : before < 0 ? messages.length : before + 1;
  return [...messages.slice(0, at), body, ...messages.slice(at)];
}

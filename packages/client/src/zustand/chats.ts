import type { StorageValue } from 'zustand/middleware';

import type { Conversation } from '../chat.js';
import type { Holdfast } from '../session/connect.js';
import { problemOf } from './documents.js';
import type { LiveStorage } from './live.js';

/** A state with conversations in it, and whatever else the app saves beside them. */
export interface ChatState {
  conversations: Conversation[];
}

/**
 * Keeps the store of conversations: each message is a row on the server, and a change costs what changed. There is
 * one such store for a user; it must leave the objects of what it does not change as they are.
 */
export function createChatStorage<S = ChatState>(session: Holdfast): LiveStorage<S> {
  const { chats } = session;
  return {
    async getItem() {
      const { conversations, envelope } = await chats.load();
      return stateOf(conversations, envelope) as StorageValue<S> | null;
    },
    setItem(_, { state, version }) {
      const { conversations, ...rest } = state as unknown as ChatState;
      chats.write(conversations, { rest: plain(rest), version: version ?? null });
    },
    removeItem: () => chats.write([], { rest: {}, version: null }),
    subscribe: (_, receive) =>
      chats.subscribe((change) => {
        const patch = (state: object) => ({ conversations: change((state as ChatState).conversations) });
        receive({ kind: 'patch', patch });
      }),
    reportLoad: (name, error) => session.reportLoad(name, problemOf(name, error)),
  };
}

/** What the app finds: nothing while there is nothing, so that it starts as on its first day. */
export function stateOf(
  conversations: Conversation[],
  { rest, version }: { rest: Record<string, unknown>; version: number | null },
): StorageValue<ChatState> | null {
  if (conversations.length === 0 && version === null) return null;
  const state = { ...rest, conversations };
  return version === null ? { state } : { state, version };
}

function plain(rest: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(rest)) as Record<string, unknown>;
}

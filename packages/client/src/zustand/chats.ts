import type { PersistStorage, StorageValue } from 'zustand/middleware';

import type { Conversation } from '../chat.js';
import type { Envelope } from '../session/chats/server.js';
import type { Holdfast } from '../session/connect.js';
import { problemOf } from './documents.js';
import type { LiveStorage } from './live.js';
import { localStorageOf, type LocalOptions } from './local.js';
import { shadowed, type ShadowSide } from './shadow.js';

/** A state with conversations in it, and whatever else the app saves beside them. */
export interface ChatState {
  conversations: Conversation[];
}

export interface ChatStorageOptions extends LocalOptions {
  /** Where the app kept its chats before: read once when they move to the server, written when they move back. */
  storage?: PersistStorage<unknown> | undefined;
}

/**
 * Keeps the store of conversations: each message is a row on the server, and a change costs what changed. There is
 * one such store for a user; it must leave the objects of what it does not change as they are.
 */
export function createChatStorage<S = ChatState>(
  session: Holdfast,
  options: ChatStorageOptions = {},
): LiveStorage<S> {
  const local = () => options.storage ?? localStorageOf(options);
  return storageFor(session, local) as LiveStorage<S>;
}

function storageFor(session: Holdfast, local: () => PersistStorage<unknown>): LiveStorage<unknown> {
  switch (session.mode) {
    case 'server':
      return serverChats(session, local);
    case 'shadow':
      return shadowed(session, backHome(session, local()), shadowChats(session));
    case 'local':
      return backHome(session, local());
  }
}

function serverChats(session: Holdfast, local: () => PersistStorage<unknown>): LiveStorage<unknown> {
  const { chats } = session;
  return {
    async getItem(name) {
      // What the browser kept by itself until now is taken over once.
      const own = (await chats.livesHere()) ? undefined : await local().getItem(name);
      const { conversations, envelope } = await chats.load(own ? listOf(own) : undefined);
      await chats.settle('server');
      session.oldCopies.add(name, () => local().removeItem(name));
      return stateOf(conversations, envelope.version === null && own ? envelopeOf(own) : envelope);
    },
    setItem(_, value) {
      chats.write(listOf(value), envelopeOf(value));
    },
    removeItem: () => chats.write([], { rest: {}, version: null }),
    subscribe: (_, receive) =>
      chats.subscribe((change) => {
        const patch = (state: object) => ({ conversations: change((state as ChatState).conversations) });
        receive({ kind: 'patch', patch });
      }),
    reportLoad: (name, error) => session.reportLoad(name, problemOf(name, error)),
    onReached: (retry) => session.onReached(retry),
  };
}

/** The browser's own storage. Chats that lived on the server until now are first put into it. */
function backHome(session: Holdfast, local: PersistStorage<unknown>): PersistStorage<unknown> {
  const { chats } = session;
  return {
    ...local,
    async getItem(name) {
      if (!(await chats.livesHere())) return local.getItem(name);
      const { conversations, envelope } = await chats.readCopy();
      const value = stateOf(conversations, envelope);
      if (value) await local.setItem(name, value);
      await chats.settle('browser');
      return value;
    },
    setItem: (name, value) => local.setItem(name, value),
    removeItem: (name) => local.removeItem(name),
  };
}

function shadowChats(session: Holdfast): ShadowSide {
  const { chats } = session;
  return {
    async load(_, own) {
      const list = own ? listOf(own) : [];
      const { conversations, envelope } = await chats.load(list);
      chats.continueFrom(list);
      return stateOf(conversations, envelope);
    },
    save(_, value) {
      chats.write(listOf(value), envelopeOf(value));
    },
    remove: () => chats.write([], { rest: {}, version: null }),
  };
}

function listOf(value: StorageValue<unknown>): Conversation[] {
  const { conversations } = value.state as Partial<ChatState>;
  return Array.isArray(conversations) ? conversations : [];
}

function envelopeOf({ state, version }: StorageValue<unknown>): Envelope {
  const { conversations: _, ...rest } = state as ChatState;
  return { rest: JSON.parse(JSON.stringify(rest)) as Record<string, unknown>, version: version ?? null };
}

/** What the app finds: nothing while there is nothing, so that it starts as on its first day. */
function stateOf(conversations: Conversation[], { rest, version }: Envelope): StorageValue<ChatState> | null {
  if (conversations.length === 0 && version === null) return null;
  const state = { ...rest, conversations };
  return version === null ? { state } : { state, version };
}

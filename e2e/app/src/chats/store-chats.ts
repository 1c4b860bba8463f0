// The conversations: the one large store, version 4, in IndexedDB.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { collectImages } from '../images/collect';
import { keyvalStorage } from '../persistence/keyval-storage';
import { cleanUpLoaded } from './cleanup';
import { createConversation, storedConversations, type DConversation } from './conversation';
import { assetIdsOf, countTokens, type DMessage } from './message';

interface ChatsState {
  conversations: DConversation[];
}

interface ChatsActions {
  prepend: (conversation: DConversation) => void;
  remove: (ids: string[]) => void;
  change: (id: string, change: Partial<DConversation>) => void;
  append: (id: string, ...messages: DMessage[]) => void;
  edit: (id: string, messageId: string, change: Partial<DMessage>, touch?: boolean) => void;
}

type Stored = { conversations: Omit<DConversation, '_abortController'>[] };

const { storage, scheduler } = keyvalStorage<Stored>('app-chats');
export const chatsScheduler = scheduler;

export const useChats = create<ChatsState & ChatsActions>()(
  persist(
    (set) => ({
      conversations: [],

      prepend: (conversation) =>
        set(({ conversations }) => ({ conversations: [conversation, ...conversations] })),

      remove: (ids) => {
        set(({ conversations }) => {
          const left = conversations.filter(({ id }) => !ids.includes(id));
          return { conversations: left.length ? left : [createConversation()] };
        });
        void collectImages(referencedImages());
      },

      change: (id, change) =>
        set(({ conversations }) => ({
          conversations: conversations.map((chat) => (chat.id === id ? { ...chat, ...change } : chat)),
        })),

      append: (id, ...messages) =>
        set(editMessages(id, (stored) => [...stored, ...messages.map(counted)], true)),

      edit: (id, messageId, change, touch = false) =>
        set(
          editMessages(
            id,
            (messages) =>
              messages.map((message) =>
                message.id === messageId ? counted({ ...message, ...change }) : message,
              ),
            touch,
          ),
        ),
    }),
    {
      name: 'app-chats',
      version: 4,
      storage,
      migrate: (state) => state as Stored,
      partialize: (state): Stored => ({ conversations: storedConversations(state.conversations) }),
      merge: (stored, current) => {
        const loaded = ((stored as ChatsState | undefined)?.conversations ?? []) as DConversation[];
        const conversations = [...current.conversations, ...loaded];
        return { ...current, conversations: conversations.length ? conversations : [createConversation()] };
      },
      onRehydrateStorage: () => (state) => {
        if (!state) return;
        cleanUpLoaded(state.conversations);
        performance.mark('hydratedAt');
        void collectImages(referencedImages(state.conversations));
      },
    },
  ),
);

function editMessages(id: string, edit: (messages: DMessage[]) => DMessage[], touch: boolean) {
  return ({ conversations }: ChatsState): ChatsState => ({
    conversations: conversations.map((chat) => {
      if (chat.id !== id) return chat;
      const messages = edit(chat.messages);
      const tokenCount = messages.reduce((sum, message) => sum + message.tokenCount, 0);
      return { ...chat, messages, tokenCount, ...(touch ? { updated: Date.now() } : {}) };
    }),
  });
}

function counted(message: DMessage): DMessage {
  return { ...message, tokenCount: countTokens(message) };
}

function referencedImages(conversations = useChats.getState().conversations): Set<string> {
  return new Set(conversations.flatMap(({ messages }) => messages.flatMap(assetIdsOf)));
}

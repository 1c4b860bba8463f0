// Conversations: their shape, and what of them is stored.
import { createId } from '../ids';
import type { DMessage } from './message';

export interface DConversation {
  id: string;
  messages: DMessage[];
  userTitle?: string;
  autoTitle?: string;
  isArchived?: boolean;
  _isIncognito?: boolean;
  systemPurposeId: string;
  tokenCount: number;
  created: number;
  updated: number | null;
  _abortController: AbortController | null;
}

export function createConversation(isIncognito = false): DConversation {
  return {
    id: createId(),
    messages: [],
    ...(isIncognito ? { _isIncognito: true } : {}),
    systemPurposeId: 'Generic',
    tokenCount: 0,
    created: Date.now(),
    updated: null,
    _abortController: null,
  };
}

export function titleOf(conversation: DConversation): string {
  return conversation.userTitle ?? conversation.autoTitle ?? 'New chat';
}

/** What is stored: no incognito chats, no empty untitled ones (but the only one), no abort controllers. */
export function storedConversations(
  conversations: DConversation[],
): Omit<DConversation, '_abortController'>[] {
  return conversations
    .filter((chat) => !chat._isIncognito)
    .filter(
      (chat, _, all) => all.length === 1 || chat.messages.length > 0 || chat.userTitle || chat.autoTitle,
    )
    .map(({ _abortController: _, ...stored }) => stored);
}

// What the app does in place to chats that it has just loaded.
import type { DConversation } from './conversation';
import { createId } from '../ids';
import { imageReference, type DFragment, type DMessage } from './message';

export function cleanUpLoaded(conversations: DConversation[]): void {
  for (const conversation of conversations) {
    conversation._abortController = null;
    for (const message of conversation.messages) cleanUpMessage(message);
  }
}

function cleanUpMessage(message: DMessage): void {
  delete message.pendingIncomplete;
  message.userFlags ??= [];
  message.fragments = message.fragments.filter((fragment) => fragment?.part?.pt);
  for (const fragment of message.fragments) {
    if (fragment.part.pt === 'image_ref') fragment.part = imageReference(fragment.part);
  }
  const last = message.fragments.at(-1);
  if (last?.part.pt === 'ph') message.fragments[message.fragments.length - 1] = interrupted();
}

function interrupted(): DFragment {
  return { ft: 'content', fId: createId(8), part: { pt: 'error', error: 'The answer was interrupted.' } };
}

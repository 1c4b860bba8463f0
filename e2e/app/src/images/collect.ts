// Removes images that no chat refers to, and drafts that were never sent.
import { assets } from './assets-db';

/** Keeps everything when there is no reference at all: the chats may have failed to load. */
export async function collectImages(referenced: Set<string>): Promise<void> {
  if (referenced.size === 0) return;
  const ids = await assets.where({ contextId: 'global', scopeId: 'app-chat' }).primaryKeys();
  const unused = ids.filter((id) => !referenced.has(id));
  if (unused.length) await assets.bulkDelete(unused);
}

export async function collectDrafts(): Promise<void> {
  await navigator.storage?.persist?.();
  await assets.where({ contextId: 'global', scopeId: 'attachment-drafts' }).delete();
  performance.mark('draftsCollected');
}

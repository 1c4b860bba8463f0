/** The parts of big-AGI's DMessage that matter here; every other member is carried along. */
export interface Message {
  id: string;
  [member: string]: unknown;
}

/** A conversation: its messages, and its head, which is everything else. */
export interface Conversation {
  id: string;
  messages: Message[];
  _isIncognito?: boolean;
  [member: string]: unknown;
}

/** The abort controller of a running answer stands in the head, and is no data. */
export const TRANSIENT = '_abortController';

/** Ids of messages are unique strings; where they are not, only the whole conversation can be written. */
export function hasUsableIds(messages: readonly Message[]): boolean {
  const ids = new Set<unknown>(messages.map((m) => m.id));
  return ids.size === messages.length && [...ids].every((id) => typeof id === 'string' && isUsableId(id));
}

/** The server's rule for ids: 1 to 512 bytes of UTF-8, no U+0000, no lone surrogate, no dots alone. */
export function isUsableId(id: string): boolean {
  if (id === '' || id === '.' || id === '..' || id.includes('\0')) return false;
  if (/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(id)) return false;
  return id.length <= 170 || new TextEncoder().encode(id).length <= 512;
}

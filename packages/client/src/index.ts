export { createClient, type Client, type RequestOptions } from './client.js';
export { HoldfastError, type ErrorCode } from './error.js';
export { Unreachable, type TransportOptions } from './transport.js';
export type { Change, ChangesOptions, Reset } from './changes.js';
export type { Cursor } from './cursor.js';
export {
  Outbox,
  type Conflict,
  type OutboxOptions,
  type OutboxStatus,
  type OutboxStorage,
} from './outbox.js';
export { idbOutboxStorage } from './outbox-idb.js';
export { createTransport, type Transport } from './transport.js';
export { diffChats } from './diff.js';
export { mergeConversation, mergeJson, mergeMessage, type Merged } from './merge.js';
export type { Conversation, Message } from './chat.js';
export type { Edit } from './edit.js';

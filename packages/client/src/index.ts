export { createClient, type Client, type RequestOptions } from './client.js';
export { HoldfastError, type ErrorCode } from './error.js';
export { Unreachable, type TransportOptions } from './transport.js';
export type { Change, ChangesOptions, Reset } from './changes.js';
export type { Cursor } from './cursor.js';

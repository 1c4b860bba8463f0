import type { components } from './generated/openapi.js';
import type { Reply } from './transport.js';

/** What a program decides by; docs/api.md says what to do about each. */
export type ErrorCode = components['schemas']['Code'] | 'unreadable_answer';

/** The server refused a request. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly status: number;
  readonly code: ErrorCode;
  /** What can be done now. */
  readonly hint: string | undefined;
  /** Finds the line in the server's log. */
  readonly requestId: string | undefined;
  /** The whole answer: some errors carry more, such as `currentRevision`. */
  readonly body: Record<string, unknown>;

  constructor(reply: Pick<Reply, 'status' | 'body'>) {
    const { error, code, hint, requestId } = reply.body;
    super(typeof error === 'string' ? error : `The server answered ${reply.status}`);
    this.status = reply.status;
    this.code = typeof code === 'string' ? (code as ErrorCode) : 'unreadable_answer';
    this.hint = typeof hint === 'string' ? hint : undefined;
    this.requestId = typeof requestId === 'string' ? requestId : undefined;
    this.body = reply.body;
  }
}

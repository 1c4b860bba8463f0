import type { Conversation } from './chat.js';

/** What was changed, as the diff found it. `before` is what it was when it was last handed over. */
export type Edit =
  /** A new conversation, or one that must be written whole. `after`: the one before it, `undefined` is usual. */
  | { kind: 'conversation'; op: 'put'; id: string; value: Conversation; before: unknown; after?: string }
  | { kind: 'conversation'; op: 'delete'; id: string }
  /** Members of a head that got a value, and names of those that went. */
  | { kind: 'head'; op: 'patch'; id: string; value: HeadPatch; before: HeadPatch; whole: Conversation }
  /** `after`: the message before it, empty for the first; only for new ones. */
  | {
      kind: 'message';
      op: 'put';
      parent: string;
      id: string;
      value: unknown;
      before: unknown;
      after?: string;
      whole: Conversation;
    }
  | { kind: 'message'; op: 'delete'; parent: string; id: string; before: unknown; whole: Conversation }
  /** A store that is one document; `device` for those that each browser has of its own. */
  | { kind: 'document'; op: 'put'; id: string; value: DocumentValue; before: unknown; device?: string }
  | { kind: 'document'; op: 'delete'; id: string; device?: string }
  /** The record is read when it is sent: images are too large to be kept twice. */
  | { kind: 'asset'; op: 'put'; id: string; record: () => Promise<unknown> }
  | { kind: 'asset'; op: 'delete'; id: string }
  /** What a use of a model cost; adds, and is never merged with another. */
  | { kind: 'cost'; op: 'add'; id: string; value: Record<string, unknown> };

export interface HeadPatch {
  set: Record<string, unknown>;
  unset: string[];
}

/** A store as the server has it: the browser's `{state, version}`, or a bare value. */
export interface DocumentValue {
  data: unknown;
  version?: number | null;
  bare?: boolean;
  beside?: Record<string, unknown>;
}

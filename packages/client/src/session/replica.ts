import type { Cursor } from '../cursor.js';
import type { Entry } from '../entry.js';
import type { Resolution } from '../resolve.js';

/** A change as the feed tells it. */
export interface FeedChange {
  seq: number;
  client: string | null;
  kind: string;
  parent: string | null;
  id: string;
  op: string;
}

/** A part of what the server has, as this page has it. */
export interface Replica {
  /** Up to where it has what the server has; `null` while it has nothing. */
  readonly cursor: Cursor | null;
  /** Takes in what changed up to `at`. */
  changed(changes: readonly FeedChange[], at: Cursor): Promise<void>;
  /** Takes in whatever changed. */
  refresh(): Promise<void>;
  /** Up to where the app has what the server has of one entity. */
  seen(entity: Pick<Entry, 'kind' | 'id' | 'parent'>): Cursor | null;
  /** This tab sends from now on what a closed one had pending. */
  onAdopted(entry: Entry): void;
  onAcknowledged(entry: Entry, revision: Cursor): void;
  onResolved(entry: Entry, resolution: Resolution): boolean;
  /** Hands over what waits to be handed over, as the page closes. */
  commit(): void;
}

export function isOfChats(kind: string): boolean {
  return kind === 'conversation' || kind === 'message' || kind === 'head';
}

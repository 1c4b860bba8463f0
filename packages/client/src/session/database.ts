import { openDB, type DBSchema, type IDBPDatabase } from 'idb';

import type { Conversation } from '../chat.js';
import type { Cursor } from '../cursor.js';
import type { Entry } from '../entry.js';

/** A pending write, and the tab that sends it. */
export type TabEntry = Entry & { slot: string; tab: string };

/** A conversation as it was when nothing of it had changed for a while. */
export interface CachedChat {
  id: string;
  /** Its place in the list; smaller is further up. */
  place: number;
  /** Up to where it has what the server has. */
  at: Cursor;
  value: Conversation;
}

/** An acknowledged write of a conversation whose cached copy does not have it yet. */
export type JournalEntry = Entry & { slot: string; conversation: string; at: Cursor };

/** What this browser keeps of the server: one database, shared by its tabs. */
export interface Schema extends DBSchema {
  outbox: { key: string; value: TabEntry };
  chats: { key: string; value: CachedChat };
  journal: { key: string; value: JournalEntry; indexes: { conversation: string } };
  meta: { key: string; value: unknown };
}

export type Database = IDBPDatabase<Schema>;

export function openDatabase(name = 'holdfast'): Promise<Database> {
  return openDB<Schema>(name, 1, {
    upgrade(database) {
      database.createObjectStore('outbox', { keyPath: 'slot' });
      database.createObjectStore('chats', { keyPath: 'id' });
      database.createObjectStore('journal', { keyPath: 'slot' }).createIndex('conversation', 'conversation');
      database.createObjectStore('meta');
    },
  });
}

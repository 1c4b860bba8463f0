import type { Conversation } from '../../chat.js';
import { epochOf, seqOf, type Cursor } from '../../cursor.js';
import type { CachedChat, Database, JournalEntry } from '../database.js';
import type { Envelope } from './server.js';

/** What a browser has of the chats, as it was left. */
export interface Cached {
  cursor: Cursor | null;
  envelope: Envelope | null;
  isEnvelopeSaved: boolean;
  chats: CachedChat[];
  journal: JournalEntry[];
}

const CURSOR = 'chats.cursor';
const ENVELOPE = 'chats.envelope';
const HOME = 'chats.home';

/** The copy of the chats in IndexedDB: one record for each conversation, so that a change costs what changed. */
export class ChatCache {
  readonly #database: Promise<Database>;

  constructor(database: Promise<Database>) {
    this.#database = database;
  }

  async read(): Promise<Cached> {
    try {
      const transaction = (await this.#database).transaction(['chats', 'journal', 'meta']);
      const meta = transaction.objectStore('meta');
      const [chats, journal, cursor, envelope] = await Promise.all([
        transaction.objectStore('chats').getAll(),
        transaction.objectStore('journal').getAll(),
        meta.get(CURSOR) as Promise<Cursor | undefined>,
        meta.get(ENVELOPE) as Promise<{ envelope: Envelope; isSaved: boolean } | undefined>,
      ]);
      chats.sort((a, b) => a.place - b.place);
      journal.sort((a, b) => a.order - b.order);
      return {
        cursor: cursor ?? null,
        envelope: envelope?.envelope ?? null,
        isEnvelopeSaved: envelope?.isSaved ?? true,
        chats,
        journal,
      };
    } catch {
      // Without a database the server is asked for everything.
      return { cursor: null, envelope: null, isEnvelopeSaved: true, chats: [], journal: [] };
    }
  }

  /** Replaces records, and with `cursor` says up to where all of them are. What another tab has newer stays. */
  async write(
    records: ReadonlyMap<string, Omit<CachedChat, 'id'> | null>,
    at: Cursor,
    cursor?: Cursor,
    isWhole = false,
  ): Promise<void> {
    const transaction = (await this.#database).transaction(['chats', 'journal', 'meta'], 'readwrite');
    const [chats, journal] = [transaction.objectStore('chats'), transaction.objectStore('journal')];
    if (isWhole) await Promise.all([chats.clear(), journal.clear()]);
    for (const [id, record] of records) {
      const old = isWhole ? undefined : await chats.get(id);
      if (old && isLater(old.at, at)) continue;
      if (record) await chats.put({ id, ...record, value: asJson(record.value) });
      else await chats.delete(id);
      const made = isWhole ? [] : await journal.index('conversation').getAllKeys(id);
      for (const key of made) {
        const entry = await journal.get(key);
        if (entry && !isLater(entry.at, at)) await journal.delete(key);
      }
    }
    if (cursor !== undefined) {
      const meta = transaction.objectStore('meta');
      const old = (await meta.get(CURSOR)) as Cursor | undefined;
      if (isWhole || !old || !isLater(old, cursor)) await meta.put(cursor, CURSOR);
    }
    await transaction.done;
  }

  /** Where the chats live: the side that has the last word. */
  async home(): Promise<string | undefined> {
    return (await (await this.#database).get('meta', HOME)) as string | undefined;
  }

  async setHome(home: string): Promise<void> {
    await (await this.#database).put('meta', home, HOME);
  }

  async writeEnvelope(envelope: Envelope, isSaved: boolean): Promise<void> {
    await (await this.#database).put('meta', { envelope, isSaved }, ENVELOPE);
  }
}

function isLater(a: Cursor, b: Cursor): boolean {
  return epochOf(a) === epochOf(b) && seqOf(a) > seqOf(b);
}

/** What cannot be stored (a running answer's abort controller) is no data. */
function asJson(value: Conversation): Conversation {
  return JSON.parse(JSON.stringify(value)) as Conversation;
}

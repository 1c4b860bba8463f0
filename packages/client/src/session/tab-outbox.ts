import type { Cursor } from '../cursor.js';
import { succeed, type Entry } from '../entry.js';
import type { OutboxStorage } from '../outbox.js';
import type { Database, JournalEntry, TabEntry } from './database.js';
import type { Tabs } from './tabs.js';

/**
 * Keeps the pending writes of all tabs of a browser, each marked with the tab that sends it. What is acknowledged
 * moves to the journal in the same transaction, so that the offline copy of a conversation is never behind.
 */
export class TabOutbox implements OutboxStorage {
  readonly #database: Promise<Database>;
  readonly #tabs: Tabs;
  readonly #acknowledged = new Map<string, JournalEntry>();

  constructor(database: Promise<Database>, tabs: Tabs) {
    this.#database = database;
    this.#tabs = tabs;
  }

  async load(): Promise<Entry[]> {
    try {
      return await this.adopt();
    } catch {
      // Without a database nothing was kept; what is written from now on says so.
      return [];
    }
  }

  /** Makes the pending writes of closed tabs those of this one, but for those of entities that it edits itself. */
  async adopt(isFree: (entry: Entry) => boolean = () => true): Promise<Entry[]> {
    const database = await this.#database;
    const alive = await this.#tabs.alive();
    const transaction = database.transaction('outbox', 'readwrite');
    const left = (await transaction.store.getAll()).filter((e) => !alive.has(e.tab) && isFree(e));
    const requests = left.flatMap((entry) => [
      transaction.store.delete(entry.slot),
      transaction.store.put(this.#mine(entry)),
    ]);
    await Promise.all([...requests, transaction.done]);
    return left.map(plain);
  }

  /** The pending writes of all tabs. */
  async all(): Promise<Entry[]> {
    const entries = await (await this.#database).getAll('outbox');
    return entries.sort((a, b) => a.order - b.order).map(plain);
  }

  /** To be called before the write that removes the entry. */
  acknowledge(entry: Entry, at: Cursor): void {
    const conversation = entry.parent ?? (entry.kind === 'document' ? undefined : entry.id);
    if (conversation === undefined || !['conversation', 'head', 'message'].includes(entry.kind)) return;
    const done = { ...entry, slot: entry.key, conversation, at };
    this.#acknowledged.set(entry.key, onTopOf(this.#acknowledged.get(entry.key), done));
  }

  async write(put: Entry[], remove: string[]): Promise<void> {
    const done = [...this.#acknowledged.values()];
    this.#acknowledged.clear();
    const transaction = (await this.#database).transaction(['outbox', 'journal'], 'readwrite');
    const [outbox, journal] = [transaction.objectStore('outbox'), transaction.objectStore('journal')];
    const note = async (entry: JournalEntry) => journal.put(onTopOf(await journal.get(entry.slot), entry));
    const requests: Promise<unknown>[] = [
      ...put.map((entry) => outbox.put(this.#mine(entry))),
      ...remove.map((key) => outbox.delete(this.#slot(key))),
      ...done.map(note),
    ];
    await Promise.all([...requests, transaction.done]);
  }

  #slot(key: string): string {
    return `${this.#tabs.id} ${key}`;
  }

  #mine(entry: Entry): TabEntry {
    return { ...entry, slot: this.#slot(entry.key), tab: this.#tabs.id };
  }
}

/** What the copy of a conversation lacks of one entity: all that was written of it, as one write. */
function onTopOf(earlier: JournalEntry | undefined, entry: JournalEntry): JournalEntry {
  return earlier ? { ...entry, ...succeed(earlier, entry) } : entry;
}

function plain({ slot: _, tab: __, ...entry }: TabEntry): Entry {
  return entry;
}

import { mayRemoveOldCopy, type OldCopy } from '../rollout/old-copy.js';
import type { Transport } from '../transport.js';
import type { Database } from './database.js';
import type { SyncStorage } from './identity.js';

const SINCE = 'holdfast:since';
/** Before the names of values that were set aside when a store moved to the server. */
export const SET_ASIDE = 'old:';

/** What the browser still has from before its stores moved to the server, and whether it may go. */
export class OldCopies {
  readonly #texts: SyncStorage;
  readonly #transport: Transport;
  readonly #database: Promise<Database>;
  readonly #removers = new Map<string, () => unknown>();

  constructor(texts: SyncStorage, transport: Transport, database: Promise<Database>) {
    this.#texts = texts;
    this.#transport = transport;
    this.#database = database;
  }

  /** In `server` mode the week counts from the first visit; any other mode ends it. */
  note(isServer: boolean): void {
    if (!isServer) this.#texts.removeItem(SINCE);
    else if (this.#since() === null) this.#texts.setItem(SINCE, String(Date.now()));
  }

  /** A store has a copy in a storage of the app's own, which nothing reads any more. */
  add(name: string, remove: () => unknown): void {
    this.#removers.set(name, remove);
  }

  /** Whether it may be removed, or what is missing: a week in `server` mode, a backup that is verified again now. */
  mayRemove(): Promise<OldCopy> {
    return mayRemoveOldCopy(this.#transport, this.#since());
  }

  /** Removes it if it may be removed. What the stores use now stays: the browser goes on to start with it. */
  async remove(): Promise<OldCopy> {
    const answer = await this.mayRemove();
    if (!answer.mayRemove) return answer;
    for (const remove of this.#removers.values()) await remove();
    const range = IDBKeyRange.bound(SET_ASIDE, `${SET_ASIDE}\uffff`);
    await (await this.#database).delete('meta', range);
    return answer;
  }

  #since(): number | null {
    const text = this.#texts.getItem(SINCE);
    return text === null ? null : Number(text);
  }
}

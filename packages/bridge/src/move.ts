import type { Conversation } from '../../client/src/chat.js';
import type { Cursor } from '../../client/src/cursor.js';
import { diffChats } from '../../client/src/diff.js';
import type { Edit } from '../../client/src/edit.js';
import { Outbox, type OutboxStatus } from '../../client/src/outbox.js';
import { Unreachable } from '../../client/src/transport.js';
import { align } from './align.js';
import { missingOnServer, readSent } from './assets.js';
import { readChats } from './chats.js';
import type { Keyval } from './keyval.js';
import { settings } from './local-storage.js';
import { native } from './native.js';
import { newId } from '../../client/src/new-id.js';
import type { Server, ServerState } from './server.js';
import { verify, type Verified } from './verify.js';

export interface MoveOptions {
  server: Server;
  keyval: Keyval;
  /** What the server said at the start. */
  state: ServerState;
  /** How often the app has written its chats. */
  writes: () => number;
  /** From now on the app's writes are mirrored. Called when nothing was written since what was moved was read. `cursor`: up to where the server was seen. */
  bind: (cursor: Cursor) => void;
  onProgress: (done: number, of: number, problem: string | undefined) => void;
}

/** The pause before something is read once more. */
const RETRY_MS = 1000;

export type MoveResult = Verified & { conversations: number; merged: string[] };

/**
 * Moves this browser's data to the server: everything as new, through an outbox of its own that merges where the server
 * has something of the same id. Nothing is deleted, here or there. All of it is read back and compared before the app's
 * writes go there. The app goes on meanwhile; what it writes in that time is moved in another round.
 */
export class Move {
  readonly #options: MoveOptions;
  readonly #outbox: Outbox;
  readonly #merged = new Set<string>();
  #total = 0;
  #isCancelled = false;

  constructor(options: MoveOptions) {
    this.#options = options;
    this.#outbox = new Outbox({
      storage: { load: () => Promise.resolve([]), write: () => Promise.resolve() },
      transport: options.server.transport,
      seen: () => null,
      readAsset: readSent,
      newId,
      onResolved: ({ id, parent }) => {
        this.#merged.add(parent ?? id);
        return true;
      },
    });
    this.#outbox.status.subscribe(({ pending, problem }) =>
      options.onProgress(this.#total - pending, this.#total, problem),
    );
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#outbox.stop();
    this.#outbox.status.set({ ...this.#outbox.status.get() });
  }

  /** Nothing when it was cancelled: then a part is on the server, and the next try finds it there. */
  async run(): Promise<MoveResult | undefined> {
    try {
      return await this.#rounds();
    } catch (error) {
      if (this.#isCancelled) return undefined;
      throw error;
    }
  }

  async #rounds(): Promise<MoveResult | undefined> {
    const { server, keyval, state, writes, bind } = this.#options;
    const images = await this.#patiently(() => missingOnServer(server));
    const others = [...settings(new Set(state.stores.map((s) => s.name))), ...images];
    let told: readonly Conversation[] = [];
    for (let round = 0; !this.#isOver(); round += 1) {
      const before = writes();
      const conversations = align(readChats(await keyval.chats()), told);
      await this.#send([...diffChats(told, conversations), ...(round === 0 ? others : [])]);
      if (this.#isOver()) break;
      told = conversations;
      // Asked before everything is read: what others write from here on is told again.
      const { cursor } = await this.#patiently(() => server.state(state.cursor));
      const verified = await this.#patiently(() =>
        verify(server, conversations, others, (id) => this.#merged.has(id)),
      );
      const isDone = verified.different.length === 0;
      if (isDone && before !== writes()) continue;
      if (isDone) bind(cursor);
      this.#outbox.stop();
      const result = { conversations: conversations.length, merged: [...this.#merged], ...verified };
      const body = native.stringify({ kind: 'move', ...result });
      await server.transport.send({ method: 'POST', path: '/api/reports', body }).catch(() => undefined);
      return result;
    }
    return undefined;
  }

  #isOver(): boolean {
    return this.#isCancelled;
  }

  /** Reads again, after a while, what had no answer. */
  async #patiently<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        if (this.#isCancelled || !(error instanceof Unreachable)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Resolves when nothing is on its way any more: it arrived, or the server refused it for good. */
  #send(edits: readonly Edit[]): Promise<void> {
    this.#total += edits.length;
    void this.#outbox.add(edits);
    return new Promise((resolve) => {
      const look = ({ state }: OutboxStatus) => {
        if (!this.#isCancelled && (state === 'saving' || state === 'offline')) return;
        unsubscribe();
        resolve();
      };
      const unsubscribe = this.#outbox.status.subscribe(look);
      look(this.#outbox.status.get());
    });
  }
}

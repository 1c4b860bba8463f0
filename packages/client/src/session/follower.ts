import type { Change, Reset } from '../changes.js';
import { epochOf, seqOf, type Cursor } from '../cursor.js';
import type { Transport } from '../transport.js';
import type { FeedChange, Replica } from './replica.js';

const PAGE = 5_000;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Brings the replicas of a page to where the server is. Events are only the occasion: what changed is asked for from
 * where each replica stands, so that an event that is lost, or told twice, does no harm.
 */
export class Follower {
  readonly #transport: Transport;
  readonly #replicas: () => Replica[];
  readonly #onReached: () => void;
  #isAsked = false;
  #running: Promise<void> | undefined;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(transport: Transport, replicas: () => Replica[], onReached: () => void) {
    this.#onReached = onReached;
    this.#transport = transport;
    this.#replicas = replicas;
  }

  /** Up to where all replicas are. */
  get cursor(): Cursor | null {
    const cursors = this.#replicas().map((r) => r.cursor);
    return cursors.reduce(
      (a, b) => (a !== null && b !== null && seqOf(b) < seqOf(a) ? b : a),
      cursors[0] ?? null,
    );
  }

  onEvent(event: Change | Reset): void {
    const at = this.cursor;
    const isKnown = at !== null && epochOf(at) === epochOf(event.cursor) && seqOf(event.cursor) <= seqOf(at);
    if (isKnown && event.type === 'change') return;
    const isOwn = event.type === 'change' && event.client === this.#transport.options.clientId;
    const isNext = at !== null && event.type === 'change' && event.seq === seqOf(at) + 1;
    if (isOwn && isNext && !this.#running) {
      // The usual case while this page writes: there is nothing to ask.
      for (const replica of this.#replicas()) void replica.changed([event], event.cursor);
      return;
    }
    this.ask();
  }

  /** Asks soon for what changed. */
  ask(): void {
    if (this.#isStopped) return;
    this.#isAsked = true;
    clearTimeout(this.#timer);
    void this.now();
  }

  /** Asks for what changed; resolves when it was taken in, or could not be. */
  now(): Promise<void> {
    this.#isAsked = true;
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Takes nothing more in; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#wants()) {
      this.#isAsked = false;
      try {
        await this.#pull();
        this.#tries = 0;
        this.#onReached();
      } catch {
        // The outbox and the stores tell what is wrong; here is only to try again.
        const most = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.#tries++);
        this.#timer = setTimeout(() => this.ask(), most * (0.5 + Math.random() / 2));
        return;
      }
    }
  }

  #wants(): boolean {
    return this.#isAsked && !this.#isStopped;
  }

  async #pull(): Promise<void> {
    for (const replica of this.#replicas()) if (replica.cursor === null) await replica.refresh();
    for (let after = this.cursor; after !== null;) {
      const path = `/api/changes?after=${encodeURIComponent(after)}&limit=${PAGE}`;
      const { ok, status, body } = await this.#transport.send({ method: 'GET', path });
      if (!ok) throw new Error(`The changes answered ${status}`);
      const page = body as unknown as { changes: FeedChange[]; cursor: Cursor; reset?: boolean };
      for (const replica of this.#replicas()) {
        if (page.reset) await replica.refresh();
        else if (replica.cursor !== null && page.changes.length > 0) {
          await replica.changed(page.changes, page.cursor);
        }
      }
      if (page.reset || page.changes.length < PAGE || this.#isStopped) return;
      after = page.cursor;
    }
  }
}

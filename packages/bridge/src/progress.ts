import { seqOf, type Cursor } from '../../client/src/cursor.js';
import type { Keyval } from './keyval.js';
import { updateOwn } from './own.js';

/** How long the cursor may stay behind what was acknowledged: a visit that ends sooner reads a little more at the next. */
const SAVE_AFTER_MS = 3_000;

/**
 * Up to where this browser has everything that the server has. Its own acknowledged changes move it on, as it has them;
 * the first change of somebody else stops it until the next start, which brings that change in.
 */
export class Progress {
  readonly #keyval: Keyval;
  #at: Cursor | null = null;
  #isStopped = false;
  /** Whether the kept text has it too, or only the running app. */
  #isKept = true;
  #isPartial = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(keyval: Keyval) {
    this.#keyval = keyval;
  }

  get at(): Cursor | null {
    return this.#at;
  }

  /** `isKept`: the text in the database has everything up to here, not only what the app was given. */
  start(at: Cursor | null, isKept: boolean): void {
    this.#at = at;
    this.#isKept = isKept;
    this.#isPartial = false;
  }

  /** The app lacks some of what the server has up to here; the next start brings all of it. */
  startWithout(at: Cursor | null): void {
    this.#at = at;
    this.#isPartial = true;
    this.#isKept = false;
  }

  advance(to: Cursor): void {
    if (this.#isStopped || (this.#at && seqOf(to) <= seqOf(this.#at))) return;
    this.#at = to;
    this.#saveLater();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** The app writes its chats, with all that it was given: the cursor goes with them. */
  keep(): void {
    const wasKept = this.#isKept;
    this.#isKept = !this.#isPartial;
    // An earlier cursor beside a later text is as true.
    if (wasKept && this.#isKept) this.#saveLater();
    else void this.#keyval.setCursor(this.#isPartial ? null : this.#at).catch(() => undefined);
  }

  #saveLater(): void {
    this.#timer ??= setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  /** Without it the next start asks for more than it must, and nothing else. */
  save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#at === null || this.#isPartial) return;
    updateOwn({ cursor: this.#at });
    if (this.#isKept) void this.#keyval.setCursor(this.#at).catch(() => undefined);
  }
}

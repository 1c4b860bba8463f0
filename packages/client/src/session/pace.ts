/** Does something soon after it was asked for, and while it is asked for again and again once in a while. */
export class Pace {
  readonly #work: () => void;
  readonly #ms: number;
  #isAsked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(work: () => void, ms: number) {
    this.#work = work;
    this.#ms = ms;
  }

  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    // What is asked for in the same task is done together.
    if (this.#timer === undefined) queueMicrotask(() => this.now());
  }

  /** Does now what was asked for. */
  now(): void {
    if (!this.#isAsked) return;
    this.#isAsked = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.now();
    }, this.#ms);
    this.#work();
  }
}

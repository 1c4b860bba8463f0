/**
 * Tells whether an answer may be older than a write of ours: it was asked for before the write was acknowledged. Such
 * an answer would take back in the app what the server has by now.
 */
export class AckClock {
  #now = 0;
  readonly #last = new Map<string, number>();

  /** To be taken before asking. */
  get now(): number {
    return this.#now;
  }

  acknowledged(name: string): void {
    this.#last.set(name, ++this.#now);
  }

  isStale(name: string, asked: number): boolean {
    return (this.#last.get(name) ?? 0) > asked;
  }
}

/** Web Locks of one browser, as far as the app and the bridge use them. */
export class Locks {
  readonly #held = new Map<string, object>();
  readonly #waiting: { name: string; grant: () => void; page: object }[] = [];

  /** What one page sees of them. */
  ofPage(page: object): { manager: LockManager; LockManager: typeof LockManager } {
    const request = (name: string, options: LockOptions, callback: (lock: unknown) => unknown) =>
      this.#request(page, name, options, callback);
    class PageLocks {
      request(name: string, ...rest: unknown[]): Promise<unknown> {
        const callback = rest.pop() as (lock: unknown) => unknown;
        return request(name, rest[0] ?? {}, callback);
      }
    }
    return {
      manager: new PageLocks() as unknown as LockManager,
      LockManager: PageLocks as unknown as typeof LockManager,
    };
  }

  /** The page is gone, and with it its locks. */
  release(page: object): void {
    for (const [name, holder] of this.#held) if (holder === page) this.#held.delete(name);
    const rest = this.#waiting.filter((w) => w.page !== page);
    this.#waiting.splice(0, this.#waiting.length, ...rest);
    for (const next of rest) if (!this.#held.has(next.name)) next.grant();
  }

  async #request(
    page: object,
    name: string,
    options: LockOptions,
    callback: (lock: unknown) => unknown,
  ): Promise<unknown> {
    await Promise.resolve();
    if (this.#held.has(name) && !options.steal) {
      if (options.ifAvailable) return callback(null);
      await new Promise<void>((grant) => this.#waiting.push({ name, grant, page }));
    }
    this.#held.set(name, page);
    return callback({ name });
  }
}

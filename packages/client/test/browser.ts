import { IDBFactory } from 'fake-indexeddb';
import 'fake-indexeddb/auto';

import { Holdfast, type ConnectOptions } from '../src/session/connect.js';

/** What a browser keeps over visits: localStorage and IndexedDB. */
export class Browser {
  readonly texts = new Map<string, string>();
  readonly locks = new FakeLocks();
  /** Requests of all pages: `GET /api/state?after=…`. */
  readonly requests: string[] = [];
  readonly bodies: string[] = [];
  online = true;
  #held: { request: string; wait: () => Promise<void> } | undefined;
  readonly #indexedDB = new IDBFactory();
  readonly #pages: Holdfast[] = [];

  constructor(
    readonly url: string,
    readonly name?: string,
  ) {}

  get storage(): Storage {
    const { texts } = this;
    return {
      getItem: (key: string) => texts.get(key) ?? null,
      setItem: (key: string, text: string) => void texts.set(key, text),
      removeItem: (key: string) => void texts.delete(key),
    } as Storage;
  }

  readonly fetch: typeof fetch = (input, init) => {
    const { url } = this;
    if (!this.online) return Promise.reject(new TypeError('fetch failed'));
    this.requests.push(`${init?.method} ${String(input).slice(url.length)}`);
    if (typeof init?.body === 'string') this.bodies.push(init.body);
    return this.#answer(`${init?.method} ${String(input).slice(url.length)}`, input, init);
  };

  /** Keeps the next answer to such a request on its way until it is released. */
  hold(request: string): { isHeld: () => boolean; release: () => void } {
    let [held, release] = [false, (): void => undefined];
    const released = new Promise<void>((resolve) => (release = resolve));
    this.#held = { request, wait: () => ((held = true), released) };
    return { isHeld: () => held, release };
  }

  async #answer(line: string, ...request: Parameters<typeof fetch>): Promise<Response> {
    const response = await fetch(...request);
    const held = this.#held;
    if (held && line.startsWith(held.request)) {
      this.#held = undefined;
      await held.wait();
    }
    return response;
  }

  /** Makes this the browser that the code sees. */
  enter(): void {
    Object.assign(globalThis, { indexedDB: this.#indexedDB, localStorage: this.storage });
  }

  /** Opens a page: a session of its own. */
  page(options: ConnectOptions = {}): Holdfast {
    this.enter();
    const page = new Holdfast({
      url: this.url,
      fetch: this.fetch,
      locks: this.locks as unknown as LockManager,
      ...(this.name === undefined ? {} : { clientId: this.name }),
      ...options,
    });
    this.#pages.push(page);
    return page;
  }

  async close(): Promise<void> {
    await Promise.all(this.#pages.splice(0).map((page) => page.close()));
  }
}

/** Web Locks of one browser. */
export class FakeLocks {
  readonly #held = new Map<string, Promise<unknown>>();

  async request(name: string, ...rest: unknown[]): Promise<unknown> {
    const work = rest.at(-1) as (lock: { name: string } | null) => unknown;
    const options = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal };
    while (this.#held.has(name)) await this.#held.get(name);
    if (options.signal?.aborted) throw new DOMException('aborted', 'AbortError');
    const held = Promise.resolve(work({ name })).finally(() => this.#held.delete(name));
    this.#held.set(
      name,
      held.catch(() => undefined),
    );
    return held;
  }

  query(): Promise<{ held: { name: string }[] }> {
    return Promise.resolve({ held: [...this.#held.keys()].map((name) => ({ name })) });
  }
}

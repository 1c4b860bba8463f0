import { spawnSync } from 'node:child_process';

import {
  IDBFactory,
  IDBCursor,
  IDBDatabase,
  IDBIndex,
  IDBKeyRange,
  IDBObjectStore,
  IDBOpenDBRequest,
  IDBRequest,
  IDBTransaction,
} from 'fake-indexeddb';
import { JSDOM } from 'jsdom';
import { vi } from 'vitest';

import { until } from '../../client/test/server.js';
import { App } from './app.js';
import { Locks } from './locks.js';

/** What a page's script sees. Restored when the page is closed. */
const prototypes = [IDBObjectStore.prototype, IDBFactory.prototype, JSON] as object[];
const originals = prototypes.map((p) => Object.getOwnPropertyDescriptors(p));
const timers = { setTimeout, setInterval };

class VersionChange extends Event {
  readonly oldVersion: number;
  readonly newVersion: number | null;
  constructor(type: string, init: IDBVersionChangeEventInit) {
    super(type);
    this.oldVersion = init.oldVersion ?? 0;
    this.newVersion = init.newVersion ?? null;
  }
}

export interface Handle {
  status: string;
  pending: number;
  conflicts: { kept: string }[];
  flush: () => Promise<void>;
}

/** Asks its reader, who says no. */
class AskingStorage {
  persist(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

const Channel = globalThis.BroadcastChannel;

/** Channels that end with their page. */
function channels(gone: AbortSignal): typeof BroadcastChannel {
  return class extends Channel {
    constructor(name: string) {
      super(name);
      gone.addEventListener('abort', () => this.close());
    }
  };
}

/** One request that a page made. */
export interface Sent {
  method: string;
  path: string;
  body: string;
  keepalive: boolean;
}

/** A browser: storage that outlives its pages, of which only one is open at a time. */
export class Browser {
  readonly indexedDB = new IDBFactory();
  readonly items = new Map<string, string>();
  readonly locks = new Locks();
  /** Whether its pages are served over https, or from this machine. */
  isSecure = true;
  /** Whether its pages reach the server. */
  isOnline = true;

  constructor(public server: string) {}

  /** Runs something in a page without the bridge. */
  async without(work: () => Promise<void>): Promise<void> {
    Object.defineProperty(globalThis, 'indexedDB', {
      value: this.indexedDB,
      configurable: true,
      writable: true,
    });
    await work();
  }

  /** Loads a page with the bridge in it. */
  async open(): Promise<Page> {
    const page = new Page(this);
    await page.load();
    return page;
  }
}

export class Page {
  readonly #browser: Browser;
  readonly #dom: JSDOM;
  readonly #gone = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly sent: Sent[] = [];
  /** Synchronous requests, and the size of their answers. */
  readonly asked: { path: string; size: number }[] = [];
  reloads: number;
  isClosed: boolean;

  constructor(browser: Browser) {
    this.#browser = browser;
    this.reloads = 0;
    this.isClosed = false;
    this.#dom = new JSDOM('<!doctype html><head></head>', { url: browser.server });
  }

  /** Whether it is to be loaded anew, or gone. */
  isOver(): boolean {
    return this.reloads > 0 || this.isClosed;
  }

  get handle(): Handle {
    return (globalThis as unknown as { __holdfast: Handle }).__holdfast;
  }

  get document(): Document {
    return this.#dom.window.document;
  }

  /** The text that the status or the panel shows. */
  text(element: 'holdfast-status' | 'holdfast-panel'): string {
    const root = this.document.querySelector(element)?.shadowRoot;
    return [...(root?.querySelectorAll('h2, p, button') ?? [])].map((e) => e.textContent).join('\n');
  }

  click(element: 'holdfast-status' | 'holdfast-panel', label: string): void {
    const buttons = this.document.querySelector(element)?.shadowRoot?.querySelectorAll('button') ?? [];
    const button = [...buttons].find((b) => b.textContent === label);
    if (!button) throw new Error(`no button ${label} in: ${this.text(element)}`);
    button.click();
  }

  /** An item of localStorage past all wrappers. */
  item(key: string): string | undefined {
    return (this.#dom.window.localStorage as unknown as Record<string, string | undefined>)[key];
  }

  hide(): void {
    this.#dom.window.dispatchEvent(new this.#dom.window.Event('pagehide'));
  }

  async load(): Promise<void> {
    const { window } = this.#dom;
    const browser = this.#browser;
    for (const [key, text] of browser.items) window.localStorage.setItem(key, text);
    const { manager, LockManager } = browser.locks.ofPage(this);
    const locks = browser.isSecure ? { locks: manager } : {};
    const setGlobals: Record<string, unknown> = {
      window: globalThis,
      document: window.document,
      location: window.location,
      Storage: window.Storage,
      localStorage: window.localStorage,
      navigator: { ...locks, storage: new AskingStorage() },
      StorageManager: AskingStorage,
      BroadcastChannel: channels(this.#gone.signal),
      LockManager: browser.isSecure ? LockManager : undefined,
      addEventListener: window.addEventListener.bind(window),
      indexedDB: browser.indexedDB,
      IDBCursor,
      IDBDatabase,
      IDBFactory,
      IDBIndex,
      IDBKeyRange,
      IDBObjectStore,
      IDBOpenDBRequest,
      IDBRequest,
      IDBTransaction,
      IDBVersionChangeEvent: VersionChange,
      XMLHttpRequest: syncRequest(browser, this.asked),
      HOLDFAST_VERSION: 'test',
      fetch: (path: string, init: RequestInit) => this.#fetch(path, init),
      // With further arguments they are not the page's, but those of Node's own `fetch`.
      setTimeout: (work: () => void, ms?: number, ...rest: unknown[]) =>
        rest.length > 0
          ? timers.setTimeout(work, ms, ...(rest as []))
          : this.#timer(timers.setTimeout(work, ms)),
      setInterval: (work: () => void, ms?: number) => this.#timer(timers.setInterval(work, ms)),
    };
    for (const [name, value] of Object.entries(setGlobals)) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
    vi.resetModules();
    const { page } = await import('../src/native.js');
    page.reload = () => (this.reloads += 1);
    await import('../src/main.js');
  }

  /** The page goes: at once, as when it crashes, or with its `pagehide`. */
  close(how: 'crash' | 'hide' = 'hide'): void {
    this.isClosed = true;
    if (how === 'hide') this.hide();
    this.#gone.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    prototypes.forEach((p, i) => Object.defineProperties(p, originals[i] ?? {}));
    Object.assign(globalThis, timers);
    this.#browser.items.clear();
    for (const key of Object.keys(this.#dom.window.localStorage)) {
      this.#browser.items.set(key, this.item(key) ?? '');
    }
    this.#browser.locks.release(this);
    this.#dom.window.close();
  }

  #timer(timer: NodeJS.Timeout): NodeJS.Timeout {
    this.#timers.push(timer);
    return timer;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { method = 'GET', body, keepalive = false } = init;
    this.sent.push({ method, path, body: typeof body === 'string' ? body : '', keepalive });
    if (!this.#browser.isOnline) throw new TypeError('fetch failed');
    // A request with `keepalive` outlives its page.
    const gone = keepalive ? [] : [this.#gone.signal];
    const signal = AbortSignal.any([...gone, ...(init.signal ? [init.signal] : [])]);
    return real(this.#browser.server + path, { ...init, keepalive: false, signal });
  }
}

const real = globalThis.fetch;

/** Opens a page and starts the app in it, once more where the bridge loads the page anew. */
export async function startApp(browser: Browser, onPage: (page: Page) => void): Promise<App> {
  const page = await browser.open();
  onPage(page);
  const reloaded = until(() => page.isOver()).then(() => undefined);
  const app = await Promise.race([App.start(), reloaded]);
  if (app) return app;
  page.close();
  return startApp(browser, onPage);
}

/** A synchronous request, by a process of its own. */
function syncRequest(browser: Browser, asked: Page['asked']): unknown {
  return class {
    status = 0;
    responseText = '';
    #path = '';
    #client = '';
    open(_method: string, path: string): void {
      this.#path = path;
    }
    setRequestHeader(_name: string, value: string): void {
      this.#client = value;
    }
    send(): void {
      if (!browser.isOnline) throw new Error('NetworkError');
      const script = `fetch(process.argv[1], { headers: { 'Holdfast-Client': process.argv[2] } })
        .then(async (r) => console.log(JSON.stringify([r.status, await r.text()])))`;
      const { stdout } = spawnSync(
        process.execPath,
        ['-e', script, browser.server + this.#path, this.#client],
        {
          encoding: 'utf8',
        },
      );
      asked.push({ path: this.#path, size: stdout.length });
      [this.status, this.responseText] = JSON.parse(stdout) as [number, string];
    }
  };
}

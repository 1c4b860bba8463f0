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

  constructor(readonly server: string) {}

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
  reloads = 0;
  isClosed = false;

  constructor(browser: Browser) {
    this.#browser = browser;
    this.#dom = new JSDOM('<!doctype html><head></head>', { url: browser.server });
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
      navigator: { ...locks, storage: { persist: () => Promise.resolve(false) } },
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
      XMLHttpRequest: syncRequest(browser),
      HOLDFAST_VERSION: 'test',
      fetch: (path: string, init: RequestInit) => this.#fetch(path, init),
      // With further arguments they are not the page's, but those of Node's own `fetch`.
      setTimeout: (work: () => void, ms?: number, ...rest: []) =>
        rest.length > 0 ? timers.setTimeout(work, ms, ...rest) : this.#timer(timers.setTimeout(work, ms)),
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
    if (how === 'hide') this.#dom.window.dispatchEvent(new this.#dom.window.Event('pagehide'));
    this.#gone.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    prototypes.forEach((p, i) => Object.defineProperties(p, originals[i] ?? {}));
    Object.assign(globalThis, timers);
    const { localStorage, Storage } = this.#dom.window;
    const own = Object.keys(localStorage);
    this.#browser.items.clear();
    const key = Storage.prototype.key;
    for (let i = 0; i < own.length; i += 1) {
      const name = key.call(localStorage, i) ?? '';
      this.#browser.items.set(name, (localStorage as unknown as Record<string, string>)[name] ?? '');
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
    const signal = init.signal ? AbortSignal.any([init.signal, this.#gone.signal]) : this.#gone.signal;
    return real(this.#browser.server + path, { ...init, keepalive: false, signal });
  }
}

const real = globalThis.fetch;

/** Opens a page and starts the app in it, once more where the bridge loads the page anew. */
export async function startApp(browser: Browser): Promise<[Page, App]> {
  const page = await browser.open();
  const reloaded = until(() => page.reloads > 0 || page.isClosed).then(() => undefined);
  const app = await Promise.race([App.start(), reloaded]);
  if (app) return [page, app];
  page.close();
  return startApp(browser);
}

/** A synchronous request, by a process of its own. */
function syncRequest(browser: Browser): unknown {
  return class {
    status = 0;
    responseText = '';
    #url = '';
    #client = '';
    open(_method: string, path: string): void {
      this.#url = browser.server + path;
    }
    setRequestHeader(_name: string, value: string): void {
      this.#client = value;
    }
    send(): void {
      if (!browser.isOnline) throw new Error('NetworkError');
      const script = `fetch(process.argv[1], { headers: { 'Holdfast-Client': process.argv[2] } })
        .then(async (r) => console.log(JSON.stringify([r.status, await r.text()])))`;
      const { stdout } = spawnSync(process.execPath, ['-e', script, this.#url, this.#client], {
        encoding: 'utf8',
      });
      [this.status, this.responseText] = JSON.parse(stdout) as [number, string];
    }
  };
}

import { afterEach, beforeEach } from 'vitest';

import { startServer, until, type TestServer } from '../../client/test/server.js';
import { api } from './api.js';
import type { App } from './app.js';
import { Browser, startApp, type Page } from './browser.js';

/** A server and a browser of its own for each test. */
export class Session {
  server!: TestServer;
  browser!: Browser;
  #page: Page | undefined;

  get page(): Page {
    if (!this.#page) throw new Error('no page is open');
    return this.#page;
  }

  /** What another device does. */
  get other(): ReturnType<typeof api> {
    return api(this.server.url);
  }

  /** Loads a page in the place of the one that is open. */
  async start(browser = this.browser): Promise<App> {
    this.leave();
    return startApp(browser, (page) => (this.#page = page));
  }

  /** Another database stands where the first one was. */
  async anotherServer(): Promise<void> {
    this.server = await startServer();
    this.browser.server = this.server.url;
  }

  leave(how?: 'crash' | 'hide'): void {
    this.#page?.close(how);
    this.#page = undefined;
  }

  /** Waits until the server has everything. */
  saved(): Promise<unknown> {
    return until(() => this.page.handle.status === 'idle' && this.page.handle.pending === 0);
  }

  /** Waits for the panel to say something. */
  asked(what: string): Promise<unknown> {
    return until(() => this.page.text('holdfast-panel').includes(what));
  }
}

export function session(): Session {
  const made = new Session();
  beforeEach(async () => {
    made.server = await startServer();
    made.browser = new Browser(made.server.url);
  });
  afterEach(async () => {
    made.leave();
    await made.server.close();
  });
  return made;
}

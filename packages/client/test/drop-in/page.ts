import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { IDBFactory } from 'fake-indexeddb';
import { JSDOM, VirtualConsole } from 'jsdom';
import { build as viteBuild } from 'vite';
import webpack from 'webpack';

import type { DropInSettings } from '../../src/middleware.js';

const entry = join(import.meta.dirname, 'app/main.js');
/** All that a bundler is told. */
const alias = { 'zustand/middleware': '@holdfast/client/middleware' };

/** The app as each bundler makes it, with the alias or without. */
export const bundlers: Record<string, (options: { withAlias: boolean }) => Promise<string>> = {
  vite: ({ withAlias }) =>
    inDirectory(async (directory) => {
      await viteBuild({
        configFile: false,
        logLevel: 'error',
        // A library leaves this to the app that it becomes part of; this one is the app.
        define: { 'process.env.NODE_ENV': '"production"' },
        resolve: { alias: withAlias ? alias : {} },
        build: {
          outDir: directory,
          lib: { entry, name: 'App', formats: ['iife'], fileName: () => 'app.js' },
        },
      });
      return readFile(join(directory, 'app.js'), 'utf8');
    }),
  webpack: ({ withAlias }) =>
    inDirectory(async (directory) => {
      await new Promise<void>((resolve, reject) => {
        const output = { path: directory, filename: 'app.js' };
        webpack(
          { mode: 'production', entry, output, resolve: { alias: withAlias ? alias : {} } },
          (error, stats) => {
            const failed = error ?? (stats?.hasErrors() ? new Error(stats.toString('errors-only')) : null);
            if (failed) reject(failed);
            else resolve();
          },
        );
      });
      return readFile(join(directory, 'app.js'), 'utf8');
    }),
};

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bundle-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Store {
  getState(): Record<string, unknown>;
  setState(state: object): void;
  persist: { hasHydrated(): boolean };
}

export interface App {
  appState: Store;
  ui: Store;
  chats: Store;
  /** States right after the stores' modules were evaluated. */
  kept: { appState: Record<string, unknown>; ui: Record<string, unknown> };
}

/** What a browser keeps between pages. */
export interface Profile {
  localStorage: Record<string, string>;
  indexedDB: IDBFactory;
}

export function newProfile(): Profile {
  return { localStorage: {}, indexedDB: new IDBFactory() };
}

/** Opens a page with the app. `close` keeps what the browser would keep. */
export function openPage(bundle: string, url: string, profile: Profile, settings?: DropInSettings) {
  const console = new VirtualConsole();
  const dom = new JSDOM('', { url: `${url}/`, runScripts: 'outside-only', virtualConsole: console });
  const window = dom.window as unknown as Record<string, unknown> & { eval(code: string): void; app: App };
  for (const [key, value] of Object.entries(profile.localStorage))
    dom.window.localStorage.setItem(key, value);
  const path = (input: unknown) => new URL(String(input), url);
  Object.assign(window, {
    indexedDB: profile.indexedDB,
    fetch: (input: unknown, init?: RequestInit) => fetch(path(input), init),
    TextEncoder,
    TextDecoder,
    structuredClone,
    __HOLDFAST__: { url: '', ...settings },
  });
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (name.startsWith('IDB')) window[name] = (globalThis as Record<string, unknown>)[name];
  }
  window.eval(bundle);
  let isOpen = true;
  return {
    app: window.app,
    close() {
      if (!isOpen) return;
      isOpen = false;
      dom.window.dispatchEvent(new dom.window.Event('pagehide'));
      const { localStorage } = dom.window;
      const keys = Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i) ?? '');
      profile.localStorage = Object.fromEntries(keys.map((key) => [key, localStorage.getItem(key) ?? '']));
      dom.window.close();
    },
  };
}

import type { PersistStorage, StorageValue } from 'zustand/middleware';

import type { Holdfast } from '../session/connect.js';
import type { LiveStorage } from './live.js';

/** The server's part of a store that still lives in the browser. */
export interface ShadowSide {
  /** Brings the server up to what the browser has, and gives what the server has then. */
  load: (name: string, own: StorageValue<unknown> | null) => Promise<StorageValue<unknown> | null>;
  /** Resolves when the write is kept and on its way. */
  save: (name: string, value: StorageValue<unknown>) => unknown;
  remove: (name: string) => void;
}

/**
 * The browser's storage, with everything done on the server too, compared and reported. The app sees only its own,
 * and what goes wrong on the server is no concern of it: the report and the status tell.
 */
export function shadowed(
  session: Holdfast,
  local: PersistStorage<unknown>,
  server: ShadowSide,
): LiveStorage<unknown> {
  const { report } = session;
  let loaded: Promise<unknown> = Promise.resolve();

  /** Does it now and gives what it gives, though the report waits for it. */
  function timed<T>(name: string, work: 'read' | 'write', run: () => T): T {
    let done: { value: T } | undefined;
    const time = report.time(name, 'local', work, () => (done = { value: run() }).value);
    time.catch(() => undefined);
    return done ? done.value : run();
  }

  async function compare(name: string, own: StorageValue<unknown> | null): Promise<void> {
    const theirs = await report.time(name, 'server', 'read', () => server.load(name, own));
    report.compare(name, plain(own), plain(theirs));
    await report.send(session.transport);
  }

  function later(work: () => unknown): void {
    loaded = loaded.then(work).catch(() => undefined);
  }

  return {
    getItem(name) {
      const found = timed(name, 'read', () => local.getItem(name));
      const begin = (own: StorageValue<unknown> | null) => {
        later(() => compare(name, own));
        return own;
      };
      return found && 'then' in found ? found.then(begin) : begin(found);
    },
    setItem(name, value) {
      const wrote = timed(name, 'write', () => local.setItem(name, value));
      later(() => report.time(name, 'server', 'write', () => server.save(name, value)));
      return wrote;
    },
    removeItem(name) {
      later(() => server.remove(name));
      return local.removeItem(name);
    },
  };
}

/** As JSON has it: a member that is `undefined` is none. */
function plain(value: StorageValue<unknown> | null): unknown {
  return value === null ? null : JSON.parse(JSON.stringify(value));
}

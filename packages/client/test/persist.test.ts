// What Zustand documents of `persist`, for each of the middlewares, with state that is there at once and that is not.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { PersistOptions } from 'zustand/middleware';

import { createClient } from '../src/index.js';
import type { Holdfast } from '../src/session/connect.js';
import { readState } from '../src/session/store-state.js';
import { createTransport } from '../src/transport.js';
import { chatSqlitePersist, llmSqlitePersist, sqlitePersist } from '../src/zustand.js';
import { Browser } from './browser.js';
import { startServer, until, type TestServer } from './server.js';

interface Item {
  id: string;
  messages: unknown[];
}
type State = Record<string, unknown> & { add: (id: string) => void };
type Options = PersistOptions<State, unknown>;
type Store = StoreApi<State> & {
  persist: {
    hasHydrated(): boolean;
    rehydrate(): Promise<void>;
    clearStorage(): void;
    getOptions(): Partial<Options>;
    setOptions(options: Partial<Options>): void;
    onHydrate(listener: (state: State) => void): () => void;
    onFinishHydration(listener: (state: State) => void): () => void;
  };
};

const kinds = [
  { what: 'sqlitePersist, later', middleware: sqlitePersist, name: 'app-ui', list: 'words', isSync: false },
  { what: 'sqlitePersist, at once', middleware: sqlitePersist, name: 'app-ui', list: 'words', isSync: true },
  {
    what: 'llmSqlitePersist, later',
    middleware: llmSqlitePersist,
    name: 'app-models',
    list: 'llms',
    isSync: false,
  },
  {
    what: 'llmSqlitePersist, at once',
    middleware: llmSqlitePersist,
    name: 'app-models',
    list: 'llms',
    isSync: true,
  },
  {
    what: 'chatSqlitePersist',
    middleware: chatSqlitePersist,
    name: 'app-chats',
    list: 'conversations',
    isSync: false,
  },
];

let server: TestServer;
let laptop: Browser;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());
beforeEach(() => {
  laptop = new Browser(server.url, 'laptop');
});
afterEach(() => laptop.close());

const item = (id: string): Item => ({ id, messages: [] });

describe.each(kinds)('$what', ({ middleware, name, list, isSync }) => {
  const client = () => createClient({ url: server.url, clientId: 'elsewhere' });
  const path = { name };

  /** What is stored before the page starts; nothing else is. */
  async function given(ids?: string[], version = 0): Promise<void> {
    await client()
      .deleteStore({ path, query: { confirm: 1_000 } })
      .catch(() => undefined);
    if (ids) await client().putStore({ path, body: { data: { [list]: ids.map(item) }, version } });
  }

  async function stored(): Promise<{ ids: string[]; version: unknown } | null> {
    const found = await client()
      .getStore({ path })
      .catch(() => null);
    if (!found) return null;
    const items = (found.data as Record<string, Item[] | undefined>)[list] ?? [];
    return { ids: items.map((i) => i.id), version: found.version };
  }

  async function page(): Promise<Holdfast> {
    if (!isSync) return laptop.page();
    return laptop.page({ seed: await readState(createTransport({ url: server.url }), null, 'laptop') });
  }

  function make(holdfast: Holdfast, options: Partial<Options> = {}): Store {
    const create = (set: (update: (state: State) => object) => void) => ({
      [list]: [] as Item[],
      add: (id: string) => set((s) => ({ [list]: [item(id), ...(s[list] as Item[])] })),
    });
    return createStore(
      middleware(create as never, { name, holdfast, ...options } as never),
    ) as unknown as Store;
  }

  const idsIn = (state: State) => (state[list] as Item[]).map((i) => i.id);
  const ids = (store: Store) => idsIn(store.getState());
  const hydrated = (store: Store) => until(() => store.persist.hasHydrated());

  test('the stored state is loaded, at once where it is there, and the actions stay', async () => {
    await given(['a']);
    const store = make(await page());
    expect(store.persist.hasHydrated()).toBe(isSync);
    await hydrated(store);
    store.getState().add('b');
    expect(ids(store)).toEqual(['b', 'a']);
  });

  test('without stored state the store has its own, and is hydrated', async () => {
    await given();
    const store = make(await page());
    await hydrated(store);
    expect(ids(store)).toEqual([]);
  });

  test('set and setState are saved, with the version', async () => {
    await given();
    const here = await page();
    const store = make(here, { version: 2 });
    await hydrated(store);
    store.getState().add('a');
    store.setState((s) => ({ [list]: [item('b'), ...(s[list] as Item[])] }));
    await here.flush();
    await until(async () => (await stored())?.version === 2);
    expect((await stored())?.ids).toEqual(['b', 'a']);
  });

  test('onRehydrateStorage is called before loading, and what it gives after it', async () => {
    await given(['a']);
    const after = vi.fn();
    const before = vi.fn(() => after);
    const store = make(await page(), { onRehydrateStorage: before });
    await hydrated(store);
    expect(before).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ [list]: [] }));
    expect(after).toHaveBeenCalledExactlyOnceWith(store.getState(), undefined);
  });

  test('what onRehydrateStorage sets after loading is saved', async () => {
    await given(['a']);
    const here = await page();
    const store = make(here, { onRehydrateStorage: () => (state) => state?.add('b') });
    await hydrated(store);
    await here.flush();
    expect((await stored())?.ids).toEqual(['b', 'a']);
  });

  test('migrate is called with the stored state and the stored version, and its result is saved', async () => {
    await given(['a'], 1);
    const here = await page();
    const migrate = vi.fn((state: unknown) => ({
      [list]: [item('m'), ...(state as Record<string, Item[]>)[list]!],
    }));
    const store = make(here, { version: 3, migrate });
    await hydrated(store);
    expect(migrate).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ [list]: [item('a')] }), 1);
    expect(ids(store)).toEqual(['m', 'a']);
    await here.flush();
    await until(async () => (await stored())?.version === 3);
    expect((await stored())?.ids).toEqual(['m', 'a']);
  });

  test('migrate may be asynchronous', async () => {
    await given(['a'], 1);
    const migrate = (state: unknown) => Promise.resolve(state);
    const store = make(await page(), { version: 3, migrate });
    await hydrated(store);
    expect(ids(store)).toEqual(['a']);
  });

  test('a migrate that throws is told, and nothing is saved over what it could not read', async () => {
    await given(['a'], 1);
    const after = vi.fn();
    const migrate = () => {
      throw new Error('too old');
    };
    const here = await page();
    const store = make(here, { version: 3, migrate, onRehydrateStorage: () => after });
    await until(() => after.mock.calls.length > 0);
    expect(after).toHaveBeenCalledWith(undefined, expect.objectContaining({ message: 'too old' }));
    expect(store.persist.hasHydrated()).toBe(false);
    expect(here.status.get().failures[name]).toContain('too old');
    store.getState().add('b');
    await here.flush();
    expect(await stored()).toEqual({ ids: ['a'], version: 1 });
  });

  test('a stored state of another version is not used where there is no migrate', async () => {
    const error = vi.spyOn(console, 'error').mockReturnValue();
    await given(['a'], 1);
    const store = make(await page(), { version: 3 });
    await hydrated(store);
    expect(ids(store)).toEqual([]);
    expect(error).toHaveBeenCalledOnce();
    error.mockRestore();
  });

  test('merge brings the stored state in', async () => {
    await given(['a']);
    const merge = (loaded: unknown, now: State): State => ({ ...now, ...(loaded as State), merged: true });
    const store = make(await page(), { merge });
    await hydrated(store);
    expect(store.getState()).toMatchObject({ merged: true, [list]: [item('a')] });
    expect(store.getState().add).toBeTypeOf('function');
  });

  test('partialize says what is saved', async () => {
    await given();
    const here = await page();
    const partialize = (s: State) => ({ [list]: (s[list] as Item[]).filter((i) => i.id !== 'hidden') });
    const store = make(here, { partialize });
    await hydrated(store);
    store.getState().add('a');
    store.getState().add('hidden');
    await here.flush();
    expect((await stored())?.ids).toEqual(['a']);
  });

  test('skipHydration waits for rehydrate(), and what is set before is not lost', async () => {
    await given(['a']);
    const store = make(await page(), { skipHydration: true });
    store.getState().add('early');
    expect(store.persist.hasHydrated()).toBe(false);
    await store.persist.rehydrate();
    expect(store.persist.hasHydrated()).toBe(true);
    expect(ids(store)).toEqual(['early', 'a']);
  });

  test('rehydrate() on a loaded store calls the listeners and keeps what was set', async () => {
    await given(['a']);
    const store = make(await page());
    await hydrated(store);
    store.getState().add('b');
    const [start, end] = [vi.fn(), vi.fn()];
    store.persist.onHydrate(start);
    const stop = store.persist.onFinishHydration(end);
    await store.persist.rehydrate();
    expect(ids(store)).toEqual(['b', 'a']);
    stop();
    await store.persist.rehydrate();
    expect(start).toHaveBeenCalledTimes(2);
    expect(end).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ [list]: [item('b'), item('a')] }));
  });

  test('clearStorage removes what is stored, and leaves the state', async () => {
    await given(['a']);
    const here = await page();
    const store = make(here);
    await hydrated(store);
    store.persist.clearStorage();
    await until(async () => (await here.flush(), ((await stored())?.ids ?? []).length === 0));
    expect(ids(store)).toEqual(['a']);
  });

  test('getOptions and setOptions are those of persist', async () => {
    await given();
    const here = await page();
    const store = make(here, { version: 1 });
    await hydrated(store);
    expect(store.persist.getOptions()).toMatchObject({ name, version: 1 });
    store.persist.setOptions({ version: 7 });
    store.getState().add('a');
    await here.flush();
    await until(async () => (await stored())?.version === 7);
  });

  test('with setOptions a later loading is told to the new callback', async () => {
    await given(['a']);
    const store = make(await page());
    await hydrated(store);
    const after = vi.fn();
    store.persist.setOptions({ onRehydrateStorage: () => after });
    await store.persist.rehydrate();
    expect(after).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ [list]: [item('a')] }),
      undefined,
    );
  });
});

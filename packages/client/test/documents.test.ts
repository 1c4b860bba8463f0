import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { devtools, persist, type PersistOptions } from 'zustand/middleware';
import { createStore } from 'zustand/vanilla';

import type { Holdfast } from '../src/session/connect.js';
import { createClient } from '../src/index.js';
import { createDocumentStorage, createJSONStorage, sqlitePersist } from '../src/zustand.js';
import { Browser } from './browser.js';
import { startServer, until, type TestServer } from './server.js';

interface Settings {
  size: number;
  words: string[];
  grow: () => void;
}

let server: TestServer;
let laptop: Browser;
let phone: Browser;
beforeEach(async () => {
  server = await startServer();
  [laptop, phone] = [new Browser(server.url, 'laptop'), new Browser(server.url, 'phone')];
});
afterEach(async () => {
  await Promise.all([laptop.close(), phone.close()]);
  await server.close();
});

function settings(holdfast: Holdfast, options: Partial<PersistOptions<Settings, object>> = {}) {
  return createStore<Settings>()(
    sqlitePersist(
      (set) => ({ size: 10, words: [] as string[], grow: () => set((s) => ({ size: s.size + 1 })) }),
      { name: 'app-ui', holdfast, ...options } as PersistOptions<Settings, object>,
    ),
  );
}

async function stored(name = 'app-ui', device = '') {
  const client = createClient({ url: server.url });
  try {
    const { data, version } = await client.getStore({ path: { name }, query: { device } });
    return { data, version };
  } catch {
    return null;
  }
}

async function put(data: unknown, version: number | null = 0, name = 'app-ui') {
  await createClient({ url: server.url, clientId: 'other' }).putStore({
    path: { name },
    body: { data, version },
  });
}

const hydrated = (store: { persist: { hasHydrated(): boolean } }) => until(() => store.persist.hasHydrated());

test('a store that is set is on the server, and another browser loads it', async () => {
  const store = settings(laptop.page());
  await hydrated(store);
  store.getState().grow();
  await until(() => stored());
  expect(await stored()).toEqual({ data: { size: 11, words: [] }, version: 0 });
  const other = settings(phone.page());
  await hydrated(other);
  expect(other.getState()).toMatchObject({ size: 11, words: [] });
});

test('setState from outside is saved like an action', async () => {
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  store.setState({ size: 20 });
  await page.flush();
  expect((await stored())?.data).toMatchObject({ size: 20 });
});

test('loading merges: the actions of the store are still there', async () => {
  await put({ size: 5 });
  const store = settings(laptop.page());
  await hydrated(store);
  store.getState().grow();
  expect(store.getState().size).toBe(6);
});

test('nothing is sent before the store was loaded, and an early updater counts on from what is stored', async () => {
  await put({ size: 41 });
  const page = laptop.page();
  const store = settings(page);
  store.getState().grow();
  expect(store.getState().size).toBe(11);
  await hydrated(store);
  expect(store.getState().size).toBe(42);
  await page.flush();
  expect((await stored())?.data).toMatchObject({ size: 42 });
});

test('an early plain value wins over the stored one, and an early list is joined with the stored list', async () => {
  await put({ size: 41, words: [{ id: 'a' }], name: 'kept' });
  const store = settings(laptop.page());
  store.setState({ size: 12, words: [{ id: 'b' }] as never });
  await hydrated(store);
  expect(store.getState()).toMatchObject({ size: 12, words: [{ id: 'a' }, { id: 'b' }], name: 'kept' });
});

test('after a load that failed the error is told and nothing is saved, until rehydrate() succeeds', async () => {
  await put({ size: 41 });
  laptop.online = false;
  const page = laptop.page();
  const after = vi.fn();
  const store = settings(page, { onRehydrateStorage: () => after });
  await until(() => after.mock.calls.length > 0);
  expect(after).toHaveBeenCalledWith(undefined, expect.any(Error));
  expect(store.persist.hasHydrated()).toBe(false);
  expect(page.status.get()).toMatchObject({
    state: 'failed',
    problem: expect.stringContaining('app-ui') as string,
  });
  store.setState({ words: ['lost?'] });
  laptop.online = true;
  expect(laptop.requests.filter((r) => !r.startsWith('GET'))).toEqual([]);
  expect((await stored())?.data).toEqual({ size: 41 });
  await store.persist.rehydrate();
  expect(store.getState()).toMatchObject({ size: 41, words: ['lost?'] });
  expect(page.status.get().state).not.toBe('failed');
  await page.flush();
  expect((await stored())?.data).toEqual({ size: 41, words: ['lost?'] });
});

test.each([1, 2, 3])('migrate is called with the stored version %i', async (version) => {
  await put({ zoom: 7 }, version, 'app-ui');
  const page = laptop.page();
  const migrate = vi.fn((state: unknown, _from: number) => ({ size: (state as { zoom: number }).zoom }));
  const store = settings(page, { version: 4, migrate });
  await hydrated(store);
  expect(migrate).toHaveBeenCalledExactlyOnceWith({ zoom: 7 }, version);
  expect(store.getState().size).toBe(7);
  await page.flush();
  expect((await stored())?.version).toBe(4);
});

test('a store of another version without migrate is not used, as zustand documents it', async () => {
  const error = vi.spyOn(console, 'error').mockReturnValue();
  await put({ size: 7 }, 1);
  const store = settings(laptop.page(), { version: 4 });
  await hydrated(store);
  expect(store.getState().size).toBe(10);
  expect(error).toHaveBeenCalledOnce();
  error.mockRestore();
});

test('partialize says what is saved', async () => {
  const page = laptop.page();
  const store = settings(page, { partialize: ({ size }) => ({ size }) });
  await hydrated(store);
  store.setState({ size: 1, words: ['not'] });
  await page.flush();
  expect((await stored())?.data).toEqual({ size: 1 });
});

test('merge says how the loaded state comes in', async () => {
  await put({ words: ['stored'] });
  const store = settings(laptop.page(), {
    merge: (loaded, now) => ({ ...now, words: [...now.words, ...(loaded as Settings).words] }),
  });
  store.setState({ size: 3 });
  await hydrated(store);
  expect(store.getState()).toMatchObject({ size: 3, words: ['stored'] });
});

test('skipHydration loads nothing until rehydrate(); what is set meanwhile is not lost', async () => {
  await put({ size: 41 });
  const store = settings(laptop.page(), { skipHydration: true });
  store.getState().grow();
  expect(store.persist.hasHydrated()).toBe(false);
  expect(laptop.requests.filter((r) => r.includes('app-ui'))).toEqual([]);
  await store.persist.rehydrate();
  expect(store.getState().size).toBe(42);
});

test('onHydrate and onFinishHydration are told', async () => {
  await put({ size: 41 });
  const store = settings(laptop.page(), { skipHydration: true });
  const [start, end] = [vi.fn(), vi.fn()];
  store.persist.onHydrate(start);
  store.persist.onFinishHydration(end);
  await store.persist.rehydrate();
  expect(start).toHaveBeenCalledWith(expect.objectContaining({ size: 10 }));
  expect(end).toHaveBeenCalledWith(expect.objectContaining({ size: 41 }));
});

test('clearStorage deletes the store on the server, and what is set later is saved anew', async () => {
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  store.setState({ size: 2 });
  await page.flush();
  store.persist.clearStorage();
  await until(async () => (await stored()) === null);
  store.setState({ size: 3 });
  await page.flush();
  expect((await stored())?.data).toMatchObject({ size: 3 });
});

test('setOptions changes the options as zustand does, and the storage stays', async () => {
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  store.persist.setOptions({ partialize: ({ size }) => ({ size }), version: 9 });
  store.setState({ size: 4 });
  await page.flush();
  expect(await stored()).toEqual({ data: { size: 4 }, version: 9 });
  expect(store.persist.getOptions().name).toBe('app-ui');
});

test('a set that changes nothing that is saved sends nothing, and many sets are few requests', async () => {
  const page = laptop.page();
  const store = settings(page, { partialize: ({ size }) => ({ size }) });
  await hydrated(store);
  store.setState({ size: 1 });
  await page.flush();
  laptop.requests.length = 0;
  store.setState({ words: ['a'] });
  await page.flush();
  expect(laptop.requests.filter((r) => !r.startsWith('GET'))).toEqual([]);
  for (let size = 2; size <= 100; size++) store.setState({ size });
  await page.flush();
  expect((await stored())?.data).toEqual({ size: 100 });
  expect(laptop.requests.filter((r) => !r.startsWith('GET')).length).toBeLessThanOrEqual(2);
});

test('what another device changes reaches the running store, and is not written back', async () => {
  const [one, two] = [settings(laptop.page()), settings(phone.page())];
  await Promise.all([hydrated(one), hydrated(two)]);
  one.setState({ size: 30 });
  await until(() => two.getState().size === 30);
  two.getState().grow();
  await until(() => one.getState().size === 31);
  const writes = phone.requests.filter((r) => !r.startsWith('GET'));
  expect(writes).toHaveLength(1);
});

test('two devices that change different settings keep both, without a conflict', async () => {
  const [first, second] = [laptop.page(), phone.page()];
  const [one, two] = [settings(first), settings(second)];
  await Promise.all([hydrated(one), hydrated(two)]);
  one.setState({ size: 1 });
  await first.flush();
  await until(() => two.getState().size === 1);
  laptop.online = phone.online = false;
  one.setState({ size: 2 });
  two.setState({ words: ['two'] });
  laptop.online = phone.online = true;
  await Promise.all([first.flush(), second.flush()]);
  const both = { size: 2, words: ['two'] };
  await until(async () => JSON.stringify((await stored())?.data) === JSON.stringify(both));
  await until(() => one.getState().words.length === 1 && two.getState().size === 2);
  expect(first.status.get().conflicts.concat(second.status.get().conflicts)).toEqual([]);
});

test('offline the copy of this browser is loaded, edits are kept over a reload and arrive later', async () => {
  let page = laptop.page();
  let store = settings(page);
  await hydrated(store);
  store.setState({ size: 50 });
  await page.flush();
  await laptop.close();
  laptop.online = false;
  page = laptop.page();
  store = settings(page);
  await hydrated(store);
  expect(store.getState().size).toBe(50);
  store.getState().grow();
  await until(() => page.status.get().state === 'offline');
  await laptop.close();
  page = laptop.page();
  store = settings(page);
  await hydrated(store);
  expect(store.getState().size).toBe(51);
  laptop.online = true;
  await until(async () => ((await stored())?.data as Settings).size === 51);
});

test('settings that the browser had before are taken over, and those of the server come first', async () => {
  laptop.texts.set('app-ui', JSON.stringify({ state: { size: 3, words: ['mine'] }, version: 0 }));
  let page = laptop.page();
  await hydrated(settings(page));
  await page.flush();
  expect(await stored()).toEqual({ data: { size: 3, words: ['mine'] }, version: 0 });
  phone.texts.set('app-ui', JSON.stringify({ state: { size: 4, own: true }, version: 0 }));
  page = phone.page();
  const store = settings(page);
  await hydrated(store);
  expect(store.getState()).toMatchObject({ size: 3, words: ['mine'], own: true });
  await page.flush();
  expect((await stored())?.data).toEqual({ size: 3, words: ['mine'], own: true });
});

test('the browser’s own copy follows, so that the way back needs no conversion', async () => {
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  store.setState({ size: 8 });
  expect(laptop.texts.get('app-ui')).toBe('{"state":{"size":8,"words":[]},"version":0}');
});

test('a device-local store is that of the browser, whichever tab writes it', async () => {
  const page = laptop.page();
  const store = createStore<{ count: number }>()(
    sqlitePersist(() => ({ count: 0 }), { name: 'app-state', holdfast: page } as never),
  );
  await hydrated(store);
  store.setState({ count: 1 });
  await page.flush();
  expect(await stored('app-state', 'laptop')).toEqual({ data: { count: 1 }, version: 0 });
  expect(await stored('app-state', '')).toBe(null);
});

test('the storage works under zustand’s own persist, and devtools around it', async () => {
  await put({ size: 41 });
  const page = laptop.page();
  const store = createStore<{ size: number }>()(
    devtools(persist(() => ({ size: 1 }), { name: 'app-ui', storage: createDocumentStorage(page) })),
  );
  await until(() => store.persist.hasHydrated());
  expect(store.getState().size).toBe(41);
  store.setState({ size: 42 });
  await page.flush();
  expect((await stored())?.data).toEqual({ size: 42 });
});

test('what others write while a store without live updates is open is there at the next start', async () => {
  const open = async () => {
    const page = laptop.page();
    const storage = createDocumentStorage<{ size: number }>(page);
    const store = createStore<{ size: number }>()(persist(() => ({ size: 1 }), { name: 'app-ui', storage }));
    await hydrated(store);
    return { page, store };
  };
  await put({ size: 2 });
  const { page, store } = await open();
  await put({ size: 3 });
  await until(() => laptop.requests.some((r) => r.startsWith('GET /api/state?after')));
  await page.refresh();
  expect(store.getState().size).toBe(2);
  await laptop.close();
  const { store: again } = await open();
  expect(again.getState().size).toBe(3);
});

test('a reviver and a replacer keep what JSON cannot', async () => {
  const page = laptop.page();
  const storage = createDocumentStorage<{ tags: Set<string> }>(page, {
    replacer: (_, value) => (value instanceof Set ? { set: [...(value as Set<string>)] } : value),
    reviver: (_, value) =>
      typeof value === 'object' && value !== null && 'set' in value ? new Set(value.set as string[]) : value,
  });
  const create = () =>
    createStore<{ tags: Set<string> }>()(
      persist(() => ({ tags: new Set<string>() }), { name: 'app-tags', storage }),
    );
  const store = create();
  await hydrated(store);
  store.setState({ tags: new Set(['a']) });
  await page.flush();
  expect((await stored('app-tags'))?.data).toEqual({ tags: { set: ['a'] } });
  const again = create();
  await hydrated(again);
  expect(again.getState().tags).toEqual(new Set(['a']));
});

test('a store that holds a Map without a replacer is not saved as an empty object, and the status says so', async () => {
  const error = vi.spyOn(console, 'error').mockReturnValue();
  const page = laptop.page();
  const store = createStore<{ size: number; tags: Map<string, number> }>()(
    sqlitePersist(() => ({ size: 1, tags: new Map<string, number>() }), {
      name: 'app-tags',
      holdfast: page,
    } as never),
  );
  await hydrated(store);
  store.setState({ tags: new Map([['a', 1]]) });
  expect(page.status.get().failures['app-tags']).toContain("'tags' is a Map");
  expect(error).toHaveBeenCalledOnce();
  await page.flush();
  expect(await stored('app-tags')).toBeNull();
  error.mockRestore();
});

test('the middleware keeps what the reviver and the replacer of the store’s own storage keep', async () => {
  const own = createJSONStorage<{ tags: Set<string> }>(() => localStorage, {
    replacer: (_, value) => (value instanceof Set ? { set: [...(value as Set<string>)] } : value),
    reviver: (_, value) =>
      typeof value === 'object' && value !== null && 'set' in value ? new Set(value.set as string[]) : value,
  });
  const create = (holdfast: Holdfast) =>
    createStore<{ tags: Set<string> }>()(
      sqlitePersist(() => ({ tags: new Set<string>() }), {
        name: 'app-tags',
        storage: own,
        holdfast,
      } as never),
    );
  const page = laptop.page();
  const store = create(page);
  await hydrated(store);
  store.setState({ tags: new Set(['a']) });
  await page.flush();
  expect((await stored('app-tags'))?.data).toEqual({ tags: { set: ['a'] } });
  const again = create(phone.page());
  await hydrated(again);
  expect(again.getState().tags).toEqual(new Set(['a']));
});

test('a save that the server refuses is visible', async () => {
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  let deep: unknown = 0;
  for (let i = 0; i < 1_100; i++) deep = [deep];
  store.setState({ words: deep as string[] });
  await until(() => page.status.get().state === 'failed');
  expect(page.status.get().problem).toContain('refused');
  expect(page.status.get().pending).toBe(1);
});

test('on the server side of an app nothing is kept and nothing is asked', () => {
  Reflect.deleteProperty(globalThis, 'indexedDB');
  const store = createStore<{ size: number }>()(sqlitePersist(() => ({ size: 1 }), { name: 'app-ui' }));
  store.setState({ size: 2 });
  expect(store.getState().size).toBe(2);
  expect(store.persist.hasHydrated()).toBe(true);
});

test('an answer from before a write of ours was acknowledged takes nothing back', async () => {
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  store.setState({ size: 20 });
  await page.flush();
  const held = laptop.hold('GET /api/state?after');
  await put({ size: 21 });
  await until(held.isHeld);
  store.setState({ words: ['mine'] });
  await until(() => laptop.bodies.some((body) => body.includes('mine')));
  await page.flush();
  held.release();
  const both = { size: 21, words: ['mine'] };
  await until(() => store.getState().size === 21);
  expect(store.getState()).toMatchObject(both);
  await page.flush();
  expect((await stored())?.data).toEqual(both);
});

test('what changed elsewhere while an edit of ours was on its way is read afterwards', async () => {
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  store.setState({ size: 20 });
  await page.flush();
  const held = laptop.hold('POST /api/batch');
  store.setState({ size: 30 });
  await until(held.isHeld);
  await put({ size: 30, words: ['theirs'] });
  await until(() => laptop.requests.filter((r) => r.startsWith('GET /api/state?after')).length > 0);
  expect(store.getState().words).toEqual([]);
  held.release();
  await until(() => store.getState().words.join() === 'theirs');
  expect(store.getState().size).toBe(30);
});

test('a store that could not be loaded is loaded by itself when the server answers again', async () => {
  await server.kill();
  const page = laptop.page();
  const store = settings(page);
  await until(() => page.status.get().state === 'failed');
  await server.restart();
  await put({ size: 41 });
  await hydrated(store);
  expect(store.getState().size).toBe(41);
  expect(page.status.get().state).not.toBe('failed');
});

test('a page that is closed sends its last edit', async () => {
  const listeners = new Map<string, () => void>();
  const add = (name: string, listener: () => void) => void listeners.set(name, listener);
  vi.stubGlobal('addEventListener', add);
  vi.stubGlobal('removeEventListener', () => undefined);
  const page = laptop.page();
  const store = settings(page);
  await hydrated(store);
  store.setState({ size: 1 });
  await page.flush();
  store.setState({ size: 2 });
  listeners.get('pagehide')?.();
  expect(laptop.bodies.at(-1)).toContain('"size":2');
  await until(async () => ((await stored())?.data as Settings).size === 2);
  await laptop.close();
  vi.unstubAllGlobals();
});

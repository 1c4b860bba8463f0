import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStore } from 'zustand/vanilla';
import type { PersistStorage, StorageValue } from 'zustand/middleware';

import type { Conversation } from '../src/chat.js';
import { createClient, type Client } from '../src/index.js';
import type { Holdfast } from '../src/session/connect.js';
import { chatSqlitePersist, sqlitePersist, type Mode } from '../src/zustand.js';
import { Browser } from './browser.js';
import { startServer, until, type TestServer } from './server.js';

let server: TestServer;
let client: Client;
let laptop: Browser;
/** The app's own storage of chats, as idb-keyval has it: one string. */
let own: Map<string, string>;
beforeEach(async () => {
  server = await startServer();
  client = createClient({ url: server.url, clientId: 'elsewhere' });
  laptop = new Browser(server.url, 'laptop');
  own = new Map();
});
afterEach(async () => {
  vi.useRealTimers();
  await laptop.close();
  await server.close();
});

const ownStorage = (): PersistStorage<unknown> => ({
  getItem: (name) => Promise.resolve(JSON.parse(own.get(name) ?? 'null') as StorageValue<unknown> | null),
  setItem: (name, value) => Promise.resolve(void own.set(name, JSON.stringify(value))),
  removeItem: (name) => void own.delete(name),
});

interface Settings {
  size: number;
  words: { id: string }[];
}
interface Chats {
  conversations: Conversation[];
}

const chat = (id: string, text: string): Conversation => ({
  id,
  messages: [{ id: 'm', role: 'user', fragments: [{ ft: 'content', text }] }],
});
const text = (c: Conversation | undefined) => (c?.messages[0]?.['fragments'] as { text: string }[])[0]?.text;

/** A visit: the app opens in one mode, and is closed again at the next one. */
async function visit(mode: Mode) {
  await laptop.close();
  const page = laptop.page({ mode });
  const settings = createStore<Settings>()(
    sqlitePersist(() => ({ size: 1, words: [] as { id: string }[] }), {
      name: 'app-ui',
      holdfast: page,
    } as never),
  );
  const chats = createStore<Chats>()(
    chatSqlitePersist(() => ({ conversations: [] as Conversation[] }), {
      name: 'app-chats',
      version: 4,
      storage: ownStorage(),
      holdfast: page,
    } as never),
  );
  const persisted = [settings, chats] as unknown as { persist: { hasHydrated(): boolean } }[];
  await until(() => persisted.every((s) => s.persist.hasHydrated()));
  return { page, settings, chats };
}

type Visit = Awaited<ReturnType<typeof visit>>;

function add({ chats }: Visit, ...added: Conversation[]): void {
  chats.setState((s) => ({ conversations: [...added, ...s.conversations] }));
}
function change({ chats }: Visit, id: string, said: string): void {
  chats.setState((s) => ({ conversations: s.conversations.map((c) => (c.id === id ? chat(id, said) : c)) }));
}
function remove({ chats }: Visit, id: string): void {
  chats.setState((s) => ({ conversations: s.conversations.filter((c) => c.id !== id) }));
}
const ids = ({ chats }: Visit) => chats.getState().conversations.map((c) => c.id);
const find = ({ chats }: Visit, id: string) => chats.getState().conversations.find((c) => c.id === id);

async function onServer(): Promise<string[]> {
  const list = await client.listChats();
  return (list as unknown as { conversations: Conversation[] }).conversations.map((c) => c.id).sort();
}
const setting = async () => (await client.getStore({ path: { name: 'app-ui' } }).catch(() => null))?.data;

test('in local mode the server is not asked, and everything is where it was before', async () => {
  const here = await visit('local');
  here.settings.setState({ size: 2 });
  add(here, chat('a', 'one'));
  expect(laptop.requests).toEqual([]);
  expect(laptop.texts.get('app-ui')).toBe('{"state":{"size":2,"words":[]},"version":0}');
  expect(own.get('app-chats')).toContain('"one"');
});

test('from local to server what the browser has is taken over, once', async () => {
  let here = await visit('local');
  here.settings.setState({ size: 2 });
  add(here, chat('b', 'two'), chat('a', 'one'));
  here = await visit('server');
  expect(here.settings.getState().size).toBe(2);
  expect(ids(here)).toEqual(['b', 'a']);
  await here.page.flush();
  expect(await onServer()).toEqual(['a', 'b']);
  expect(await setting()).toMatchObject({ size: 2 });
  remove(here, 'a');
  await here.page.flush();
  // The old copy still has it. It is not read again.
  here = await visit('server');
  expect(ids(here)).toEqual(['b']);
});

test('taking over joins what another device has on the server with what the browser has', async () => {
  await client.putChat({ path: { id: 'theirs' }, body: { conversation: chat('theirs', 'x') } });
  await client.putChat({ path: { id: 'both' }, body: { conversation: chat('both', 'theirs') } });
  let here = await visit('local');
  add(here, chat('both', 'mine'), chat('mine', 'one'));
  here = await visit('server');
  await here.page.flush();
  expect(ids(here).sort()).toEqual(['both', 'mine', 'theirs']);
  const texts = find(here, 'both')?.messages.map((m) => (m['fragments'] as { text: string }[])[0]?.text);
  expect(texts?.sort()).toEqual(['mine', 'theirs']);
  expect(await onServer()).toEqual(['both', 'mine', 'theirs']);
});

test('from server to local everything is there, what was never sent too', async () => {
  let here = await visit('server');
  here.settings.setState({ size: 3 });
  add(here, chat('a', 'one'));
  await here.page.flush();
  laptop.online = false;
  add(here, chat('b', 'unsent'));
  here.settings.setState({ size: 4 });
  await until(() => here.page.status.get().pending >= 2);
  here = await visit('local');
  expect(here.settings.getState().size).toBe(4);
  expect(ids(here)).toEqual(['b', 'a']);
  change(here, 'a', 'edited at home');
  here = await visit('local');
  expect(text(find(here, 'a'))).toBe('edited at home');
});

test('back on the server, what was done in the browser meanwhile is merged with what others did', async () => {
  let here = await visit('server');
  here.settings.setState({ size: 3, words: [{ id: 'w' }] });
  add(here, chat('keep', 'k'), chat('gone', 'g'), chat('edit', 'e'));
  await here.page.flush();
  here = await visit('local');
  here.settings.setState({ size: 5 });
  remove(here, 'gone');
  change(here, 'edit', 'edited at home');
  add(here, chat('new', 'n'));
  await client.putStore({
    path: { name: 'app-ui' },
    body: { data: { size: 3, words: [{ id: 'w' }, { id: 'v' }] }, version: 0 },
  });
  await client.putChat({ path: { id: 'other' }, body: { conversation: chat('other', 'o') } });
  here = await visit('server');
  await here.page.flush();
  expect(here.settings.getState()).toMatchObject({ size: 5, words: [{ id: 'w' }, { id: 'v' }] });
  expect(ids(here).sort()).toEqual(['edit', 'keep', 'new', 'other']);
  expect(await onServer()).toEqual(['edit', 'keep', 'new', 'other']);
  expect(text(find(here, 'edit'))).toBe('edited at home');
});

test('in shadow mode both have everything, the app sees its own, and the comparison is reported', async () => {
  let here = await visit('local');
  add(here, chat('old', 'one'));
  here = await visit('shadow');
  here.settings.setState({ size: 7 });
  add(here, chat('new', 'two'));
  await until(async () => (await here.page.flush(), (await onServer()).join() === 'new,old'));
  await until(async () => ((await setting()) as Settings | undefined)?.size === 7);
  expect(own.get('app-chats')).toContain('"two"');
  expect(laptop.texts.get('app-ui')).toContain('"size":7');
  await client.putStore({
    path: { name: 'app-ui' },
    body: { data: { size: 8, words: [] }, version: 0 },
  });
  here = await visit('shadow');
  expect(here.settings.getState().size).toBe(7);
  const reports = await until(async () => {
    const { reports } = (await client.listReports({ query: { kind: 'shadow' } })) as unknown as {
      reports: { report: { stores: Record<string, { differences: string[]; milliseconds: object }> } }[];
    };
    const found = reports.map((r) => r.report.stores);
    const isThere = found.some((s) => s['app-ui']?.differences.length) && found.some((s) => s['app-chats']);
    return isThere ? found : undefined;
  });
  const ui = reports.find((s) => s['app-ui']?.differences.length)?.['app-ui'];
  expect(ui?.differences).toEqual(['state.size']);
  expect(ui?.milliseconds).toHaveProperty('server read');
  expect(reports.find((s) => s['app-chats'])?.['app-chats']?.differences).toEqual([]);
});

test('a server that is away does not trouble a store in shadow mode', async () => {
  laptop.online = false;
  const here = await visit('shadow');
  here.settings.setState({ size: 9 });
  add(here, chat('a', 'one'));
  await until(() => own.get('app-chats'));
  expect(laptop.texts.get('app-ui')).toContain('"size":9');
});

test.each<[Mode, Mode]>([
  ['shadow', 'server'],
  ['server', 'shadow'],
  ['shadow', 'local'],
])('from %s to %s nothing is lost and nothing comes back', async (from, to) => {
  let here = await visit(from);
  here.settings.setState({ size: 6 });
  add(here, chat('a', 'one'), chat('b', 'two'));
  await until(async () => (await here.page.flush(), (await onServer()).length === 2));
  remove(here, 'b');
  await until(async () => (await here.page.flush(), (await onServer()).length === 1));
  here = await visit(to);
  expect(here.settings.getState().size).toBe(6);
  expect(ids(here)).toEqual(['a']);
  add(here, chat('c', 'three'));
  if (to !== 'local') await until(async () => (await here.page.flush(), (await onServer()).join() === 'a,c'));
});

test('the old copy may go after a week and a verified backup; then the way back still has everything', async () => {
  let here = await visit('local');
  add(here, chat('a', 'one'));
  here = await visit('server');
  await here.page.flush();
  expect(await here.page.oldCopies.remove()).toMatchObject({ mayRemove: false, missing: 'time' });
  const since = Number(laptop.texts.get('holdfast:since'));
  laptop.texts.set('holdfast:since', String(since - 8 * 24 * 3_600_000));
  expect(await here.page.oldCopies.remove()).toMatchObject({ mayRemove: false, missing: 'backup' });
  expect(own.has('app-chats')).toBe(true);
  await client.makeBackup();
  expect(await here.page.oldCopies.remove()).toMatchObject({ mayRemove: true });
  expect(own.has('app-chats')).toBe(false);
  here = await visit('local');
  expect(ids(here)).toEqual(['a']);
  expect(own.get('app-chats')).toContain('"one"');
});

test('the share of browsers decides by the id of the browser', () => {
  const page: Holdfast = laptop.page({ mode: { server: 100 } });
  expect(page.mode).toBe('server');
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStore } from 'zustand/vanilla';

import type { Conversation, Message } from '../src/chat.js';
import { createClient, type Client } from '../src/index.js';
import type { Holdfast } from '../src/session/connect.js';
import { chatSqlitePersist } from '../src/zustand.js';
import { Browser } from './browser.js';
import { startServer, until, type TestServer } from './server.js';

interface Chats {
  conversations: Conversation[];
  add: (id: string, ...texts: string[]) => void;
  say: (id: string, mid: string, text: string) => void;
  change: (id: string, members: object) => void;
  remove: (id: string) => void;
}

let server: TestServer;
let client: Client;
let laptop: Browser;
let phone: Browser;
beforeEach(async () => {
  server = await startServer();
  client = createClient({ url: server.url, clientId: 'elsewhere' });
  [laptop, phone] = [new Browser(server.url, 'laptop'), new Browser(server.url, 'phone')];
});
afterEach(async () => {
  await Promise.all([laptop.close(), phone.close()]);
  await server.close();
});

const message = (id: string, text: string): Message => ({
  id,
  role: 'user',
  fragments: [{ ft: 'content', text }],
});
const chat = (id: string, ...texts: string[]): Conversation => ({
  id,
  messages: texts.map((text, i) => message(`${id}-${i}`, text)),
  created: 1,
  updated: null,
});

function said(messages: Message[], id: string, text: string): Message[] {
  const next = message(id, text);
  return messages.some((m) => m.id === id)
    ? messages.map((m) => (m.id === id ? next : m))
    : [...messages, next];
}

function chats(holdfast: Holdfast, options: object = {}) {
  return createStore<Chats>()(
    chatSqlitePersist(
      (set) => {
        const edit = (id: string, change: (c: Conversation) => Conversation) =>
          set((s) => ({ conversations: s.conversations.map((c) => (c.id === id ? change(c) : c)) }));
        return {
          conversations: [] as Conversation[],
          add: (id, ...texts) => set((s) => ({ conversations: [chat(id, ...texts), ...s.conversations] })),
          say: (id, mid, text) => edit(id, (c) => ({ ...c, messages: said(c.messages, mid, text) })),
          change: (id, members) => edit(id, (c) => ({ ...c, ...members })),
          remove: (id) => set((s) => ({ conversations: s.conversations.filter((c) => c.id !== id) })),
        };
      },
      {
        name: 'app-chats',
        version: 4,
        holdfast,
        // As the app does: conversations are made anew, messages stay the same objects.
        partialize: ({ conversations }: Chats) => ({
          conversations: conversations
            .filter((c) => !c._isIncognito)
            .map((c) => ({ ...c, _abortController: null })),
        }),
        ...options,
      } as never,
    ),
  );
}

type Store = ReturnType<typeof chats>;

async function open(browser: Browser, options: object = {}): Promise<{ page: Holdfast; store: Store }> {
  const page = browser.page();
  const store = chats(page, options);
  await until(() => store.persist.hasHydrated());
  return { page, store };
}

const put = (conversation: Conversation) =>
  client.putChat({ path: { id: conversation.id }, body: { conversation } });

async function stored(id: string): Promise<Conversation | null> {
  const found = await client.getChat({ path: { id } }).catch(() => null);
  return found && (found.conversation as unknown as Conversation);
}

const textsOf = (c: Conversation | null | undefined) =>
  c?.messages.map((m) => (m['fragments'] as { text: string }[])[0]?.text);
const inStore = (store: Store, id: string) => store.getState().conversations.find((c) => c.id === id);
const texts = (store: Store, id: string) => textsOf(inStore(store, id));
const ids = (store: Store) => store.getState().conversations.map((c) => c.id);
const writes = (browser: Browser) => browser.requests.filter((r) => !r.startsWith('GET'));

test('a chat that is made here is on the server, and in another browser in the same order', async () => {
  const { page, store } = await open(laptop);
  store.getState().add('a', 'one');
  store.getState().add('b', 'two');
  await page.flush();
  expect(await stored('a')).toEqual({ ...chat('a', 'one'), _abortController: null });
  const { store: other } = await open(phone);
  expect(ids(other)).toEqual(['b', 'a']);
});

test('the version of the store is handed to migrate of another app’s version', async () => {
  const { page, store } = await open(laptop);
  store.getState().add('a', 'one');
  await page.flush();
  await until(async () => (await client.getStore({ path: { name: 'app-chats' } })).version === 4);
  const migrate = vi.fn((state: unknown) => state);
  const { store: newer } = await open(phone, { version: 5, migrate });
  expect(migrate).toHaveBeenCalledExactlyOnceWith(expect.anything(), 4);
  expect(texts(newer, 'a')).toEqual(['one']);
});

test('an edit sends the message that changed, in one request, and never the whole state', async () => {
  for (let i = 0; i < 30; i++) await put(chat(`c${i}`, 'x'.repeat(2_000), 'y'.repeat(2_000)));
  const { page, store } = await open(laptop);
  store.getState().say('c7', 'c7-1', 'edited');
  await page.flush();
  expect(writes(laptop).filter((r) => !r.includes('app-chats'))).toEqual(['POST /api/batch']);
  expect(laptop.bodies.reduce((sum, body) => sum + body.length, 0)).toBeLessThan(1_000);
  expect(textsOf(await stored('c7'))).toEqual(['x'.repeat(2_000), 'edited']);
});

test('a streamed answer is a few requests, and its last text is on the server', async () => {
  await put(chat('a', 'question'));
  const { page, store } = await open(laptop);
  for (let i = 1; i <= 200; i++) store.getState().say('a', 'answer', 'token '.repeat(i));
  await page.flush();
  expect(textsOf(await stored('a'))).toEqual(['question', 'token '.repeat(200)]);
  expect(writes(laptop).length).toBeLessThan(5);
});

test('a chat that is deleted stays deleted, here and everywhere', async () => {
  await put(chat('a', 'one'));
  await put(chat('b', 'two'));
  const { page, store } = await open(laptop);
  const { store: other } = await open(phone);
  store.getState().remove('a');
  await page.flush();
  expect(await stored('a')).toBe(null);
  await until(() => ids(other).join() === 'b');
  await laptop.close();
  const { store: again } = await open(laptop);
  expect(ids(again)).toEqual(['b']);
});

test('a chat that another device made is not deleted by the next write of this one', async () => {
  const { page, store } = await open(laptop);
  const { store: other } = await open(phone);
  laptop.online = false;
  other.getState().add('theirs', 'two');
  await until(() => stored('theirs'));
  store.getState().add('mine', 'one');
  laptop.online = true;
  await until(async () => (await page.flush(), stored('mine')));
  expect(textsOf(await stored('theirs'))).toEqual(['two']);
  await until(() => ids(store).length === 2 && ids(other).length === 2);
});

test('an early write and the stored chats are both there', async () => {
  await put(chat('stored', 'one'));
  const page = laptop.page();
  const store = chats(page);
  store.getState().add('early', 'two');
  await until(() => store.persist.hasHydrated());
  expect(ids(store)).toEqual(['early', 'stored']);
  await page.flush();
  expect(textsOf(await stored('early'))).toEqual(['two']);
  expect(textsOf(await stored('stored'))).toEqual(['one']);
});

test('an early write of a plain list takes no stored chat away', async () => {
  await put(chat('stored', 'one'));
  const page = laptop.page();
  const store = chats(page);
  store.setState({ conversations: [chat('early', 'two')] });
  await until(() => store.persist.hasHydrated());
  expect(ids(store).sort()).toEqual(['early', 'stored']);
  await page.flush();
  expect(textsOf(await stored('stored'))).toEqual(['one']);
});

test('after a load that failed nothing is written and nothing deleted', async () => {
  await put(chat('stored', 'one'));
  laptop.online = false;
  const page = laptop.page();
  const store = chats(page);
  await until(() => page.status.get().state === 'failed');
  expect(store.persist.hasHydrated()).toBe(false);
  store.setState({ conversations: [] });
  store.getState().add('new', 'two');
  laptop.online = true;
  await page.flush();
  expect(writes(laptop)).toEqual([]);
  await store.persist.rehydrate();
  expect(ids(store)).toEqual(['new', 'stored']);
});

test('what another device writes reaches the store, and what did not change keeps its identity', async () => {
  await put(chat('a', 'one', 'two'));
  await put(chat('b', 'three'));
  const { page, store } = await open(laptop);
  const [b, first] = [inStore(store, 'b'), inStore(store, 'a')?.messages[0]];
  await client.putMessage({ path: { id: 'a', mid: 'a-1' }, body: message('a-1', 'edited') });
  await until(() => texts(store, 'a')?.[1] === 'edited');
  expect(inStore(store, 'b')).toBe(b);
  expect(inStore(store, 'a')?.messages[0]).toBe(first);
  await page.flush();
  expect(writes(laptop)).toEqual([]);
});

test('what the app keeps beside the saved members stays when another device writes', async () => {
  await put(chat('a', 'one'));
  const { store } = await open(laptop);
  const controller = new AbortController();
  store.getState().change('a', { _abortController: controller });
  await client.patchChat({ path: { id: 'a' }, body: { userTitle: 'named' } });
  await until(() => inStore(store, 'a')?.['userTitle'] === 'named');
  expect(inStore(store, 'a')?.['_abortController']).toBe(controller);
});

test('a message that is edited here stays while others of its chat come in', async () => {
  await put(chat('a', 'one', 'two'));
  const { page, store } = await open(laptop);
  laptop.online = false;
  store.getState().say('a', 'a-0', 'mine');
  await client.putMessage({ path: { id: 'a', mid: 'a-1' }, body: message('a-1', 'theirs') });
  laptop.online = true;
  await until(async () => (await page.flush(), texts(store, 'a')?.join() === 'mine,theirs'));
  await until(async () => textsOf(await stored('a'))?.join() === 'mine,theirs');
  expect(page.status.get().conflicts).toEqual([]);
});

test('two devices that rewrite one message: both texts are kept, in both stores, and the user is told', async () => {
  await put(chat('a', 'one'));
  const { page, store } = await open(laptop);
  const { store: other } = await open(phone);
  laptop.online = false;
  store.getState().say('a', 'a-0', 'mine');
  other.getState().say('a', 'a-0', 'theirs');
  await until(async () => textsOf(await stored('a'))?.join() === 'theirs');
  laptop.online = true;
  await until(async () => (await page.flush(), textsOf(await stored('a'))?.join() === 'theirs,mine'));
  await until(
    () => texts(store, 'a')?.join() === 'theirs,mine' && texts(other, 'a')?.join() === 'theirs,mine',
  );
  expect(page.status.get()).toMatchObject({
    state: 'conflict',
    conflicts: [{ kind: 'message', kept: 'sibling' }],
  });
  page.dismissConflicts();
  expect(page.status.get().state).toBe('idle');
});

test('two tabs of one browser see each other’s writes, with one feed between them', async () => {
  await put(chat('a', 'one'));
  const [first, second] = [await open(laptop), await open(laptop)];
  first.store.getState().say('a', 'a-1', 'first');
  await until(() => texts(second.store, 'a')?.join() === 'one,first');
  second.store.getState().say('a', 'a-2', 'second');
  await until(() => texts(first.store, 'a')?.join() === 'one,first,second');
  expect(laptop.requests.filter((r) => r.includes('/changes/stream'))).toHaveLength(1);
});

test('without locks each tab asks by itself', async () => {
  await put(chat('a', 'one'));
  const page = laptop.page({ locks: null, pollMs: 20 });
  const store = chats(page);
  await until(() => store.persist.hasHydrated());
  await client.putMessage({ path: { id: 'a', mid: 'n' }, body: message('n', 'asked') });
  await until(() => texts(store, 'a')?.join() === 'one,asked');
  expect(laptop.requests.filter((r) => r.includes('/changes/stream'))).toEqual([]);
});

test('when the tab that reads the feed closes, another one goes on', async () => {
  await put(chat('a', 'one'));
  const [first, second] = [await open(laptop), await open(laptop)];
  await first.page.close();
  await client.putMessage({ path: { id: 'a', mid: 'n' }, body: message('n', 'later') });
  await until(() => texts(second.store, 'a')?.join() === 'one,later');
});

test('what a closed tab could not send is sent by another tab', async () => {
  await put(chat('a', 'one'));
  const [first, second] = [await open(laptop), await open(laptop)];
  laptop.online = false;
  first.store.getState().say('a', 'a-1', 'unsent');
  await until(() => first.page.status.get().pending === 1);
  await first.page.close();
  laptop.online = true;
  await until(async () => textsOf(await stored('a'))?.join() === 'one,unsent');
  await until(() => texts(second.store, 'a')?.join() === 'one,unsent');
});

test('offline the chats are there as they were left, and what is written is kept over a reload and sent', async () => {
  await put(chat('a', 'one'));
  const { page, store } = await open(laptop);
  store.getState().say('a', 'a-1', 'acknowledged');
  await page.outbox.flush();
  await until(() => page.status.get().state === 'idle');
  await laptop.close();
  laptop.online = false;
  const second = await open(laptop);
  expect(texts(second.store, 'a')).toEqual(['one', 'acknowledged']);
  second.store.getState().say('a', 'a-2', 'pending');
  second.store.getState().add('b', 'new');
  await until(() => second.page.status.get().state === 'offline');
  await laptop.close();
  const third = await open(laptop);
  expect(ids(third.store)).toEqual(['b', 'a']);
  expect(texts(third.store, 'a')).toEqual(['one', 'acknowledged', 'pending']);
  laptop.online = true;
  await until(async () => textsOf(await stored('a'))?.join() === 'one,acknowledged,pending');
  await until(() => stored('b'));
});

test('offline nothing is missing of several edits that were acknowledged a moment ago', async () => {
  await put(chat('a', 'one', 'three'));
  const { page, store } = await open(laptop);
  const steps = [
    () => store.getState().change('a', { userTitle: 'mine' }),
    () => store.getState().change('a', { systemPurposeId: 'Developer' }),
    () =>
      store
        .getState()
        .change('a', { messages: inStore(store, 'a')!.messages.toSpliced(1, 0, message('m', 'tw')) }),
    () => store.getState().say('a', 'm', 'two'),
  ];
  for (const step of steps) {
    const sent = writes(laptop).length;
    step();
    await until(() => writes(laptop).length > sent && page.status.get().state === 'idle');
  }
  laptop.online = false;
  // The first page does not end in order: what is kept is all that the next one has.
  const { store: again } = await open(laptop);
  expect(inStore(again, 'a')).toMatchObject({ userTitle: 'mine', systemPurposeId: 'Developer' });
  expect(texts(again, 'a')).toEqual(['one', 'two', 'three']);
});

test('a browser that was here before asks only for what changed', async () => {
  for (let i = 0; i < 5; i++) await put(chat(`c${i}`, 'x'.repeat(1_000)));
  await open(laptop);
  await laptop.close();
  await client.putMessage({ path: { id: 'c3', mid: 'n' }, body: message('n', 'meanwhile') });
  await client.deleteChat({ path: { id: 'c1' } });
  laptop.requests.length = 0;
  const { store } = await open(laptop);
  expect(ids(store)).toEqual(['c4', 'c3', 'c2', 'c0']);
  expect(texts(store, 'c3')?.[1]).toBe('meanwhile');
  expect(laptop.requests.filter((r) => r.includes('/api/stores/app-chats'))).toEqual([]);
  expect(laptop.requests.filter((r) => r.includes('/api/chats/')).length).toBeLessThanOrEqual(2);
});

test('many changes while a browser was away come as one list', async () => {
  for (let i = 0; i < 12; i++) await put(chat(`c${i}`, 'before'));
  await open(laptop);
  await laptop.close();
  for (let i = 0; i < 12; i++) await put(chat(`c${i}`, 'after'));
  laptop.requests.length = 0;
  const { store } = await open(laptop);
  expect(ids(store).every((id) => texts(store, id)?.join() === 'after')).toBe(true);
  expect(laptop.requests.filter((r) => r.includes('changed_since'))).toHaveLength(1);
});

test('incognito chats never leave the page', async () => {
  const { page, store } = await open(laptop);
  store.setState({ conversations: [{ ...chat('secret', 'x'), _isIncognito: true }] });
  await page.flush();
  expect(laptop.bodies.join('')).not.toContain('secret');
});

test('a chat that was deleted elsewhere goes, and one that is edited here meanwhile comes back', async () => {
  await put(chat('a', 'one'));
  await put(chat('b', 'two'));
  const { page, store } = await open(laptop);
  laptop.online = false;
  store.getState().say('b', 'b-0', 'mine');
  await client.deleteChat({ path: { id: 'a' } });
  await client.deleteChat({ path: { id: 'b' } });
  laptop.online = true;
  await until(async () => (await page.flush(), ids(store).join() === 'b'));
  await until(async () => textsOf(await stored('b'))?.join() === 'mine');
});

test('an answer from before a message of ours was acknowledged does not take it back', async () => {
  await put(chat('a', 'one', 'two'));
  const { page, store } = await open(laptop);
  const held = laptop.hold('GET /api/chats/a');
  await client.putMessage({ path: { id: 'a', mid: 'a-1' }, body: message('a-1', 'theirs') });
  await until(held.isHeld);
  store.getState().say('a', 'a-0', 'mine');
  await page.outbox.flush();
  await until(async () => textsOf(await stored('a'))?.[0] === 'mine');
  await until(() => page.status.get().state === 'idle');
  held.release();
  await until(() => texts(store, 'a')?.[1] === 'theirs');
  expect(texts(store, 'a')).toEqual(['mine', 'theirs']);
});

import { afterEach, beforeEach, expect, test } from 'vitest';

import { startServer, until, type TestServer } from '../../client/test/server.js';
import { api } from './api.js';
import { chat, message, textOf, type App } from './app.js';
import { Browser, startApp, type Page } from './browser.js';

let server: TestServer;
let browser: Browser;
let page: Page | undefined;

beforeEach(async () => {
  server = await startServer();
  browser = new Browser(server.url);
});

afterEach(async () => {
  page?.close();
  page = undefined;
  await server.close();
});

async function start(of = browser): Promise<App> {
  page?.close();
  let app: App;
  [page, app] = await startApp(of);
  return app;
}

const saved = () => until(() => page?.handle.status === 'idle' && page.handle.pending === 0);

test('what the app writes is on the server, and a fresh browser starts with it', async () => {
  const app = await start();
  app.chats = [chat('a', ['hello', 'world']), ...app.chats];
  await app.save();
  await saved();
  expect((await api(server.url).chats()).map((c) => c.id)).toEqual(['a']);
  const other = await start(new Browser(server.url));
  expect(other.chats.map((c) => c.messages.map(textOf))).toEqual([['hello', 'world']]);
});

test('an edit of one message sends one message', async () => {
  const app = await start();
  app.chats = [chat('a', ['x'.repeat(50_000), 'short']), chat('b', ['y'.repeat(50_000)])];
  await app.save();
  await saved();
  const before = page!.sent.length;
  await app.say('a', 'a-1', 'changed');
  await saved();
  const sent = page!.sent.slice(before).filter((s) => s.method !== 'GET');
  expect(sent.map((s) => s.body).join('').length).toBeLessThan(1_000);
  expect(textOf((await api(server.url).chat('a'))?.messages[1])).toBe('changed');
});

test('empty chats that the app makes by itself stay in the browser', async () => {
  const app = await start();
  await app.save();
  await saved();
  expect(await api(server.url).chats()).toEqual([]);
  app.chats = [chat('a', ['hello'])];
  await app.save();
  await saved();
  expect((await api(server.url).chats()).map((c) => c.id)).toEqual(['a']);
});

test('incognito chats are never sent', async () => {
  const app = await start();
  app.chats = [chat('secret', ['hush'], { _isIncognito: true }), chat('a', ['hello'])];
  await app.save();
  await saved();
  expect((await api(server.url).chats()).map((c) => c.id)).toEqual(['a']);
});

test('what another device changed is there at the next start, and costs only that', async () => {
  const app = await start();
  app.chats = [chat('a', ['one']), chat('b', ['y'.repeat(20_000)]), chat('c', ['three'])];
  await app.save();
  await saved();
  await api(server.url).putChat(chat('a', ['one', 'from elsewhere']));
  await api(server.url).putChat(chat('new', ['fresh']));
  await api(server.url).deleteChat('c');
  await until(() => page?.text('holdfast-status').includes('changed elsewhere'));
  const again = await start();
  expect(again.chats.map((c) => c.id)).toEqual(['new', 'a', 'b']);
  expect(again.chats[1]?.messages.map(textOf)).toEqual(['one', 'from elsewhere']);
  expect(page!.sent.some((s) => s.path.includes('view=value'))).toBe(false);
  // Nothing of it is taken for the app's own change.
  await again.save();
  await saved();
  expect(page!.sent.filter((s) => s.method !== 'GET')).toEqual([]);
});

test('a start with nothing new asks the server once', async () => {
  const app = await start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await saved();
  await until(() => browser && page && JSON.parse(itemOf('holdfast'))['cursor'] !== undefined);
  await until(async () => {
    const again = await start();
    return again.chats[0]?.id === 'a' && page!.sent.every((s) => s.path.includes('changes/stream'));
  });
});

function itemOf(key: string): string {
  return (localStorage as unknown as Record<string, string>)[key] ?? '{}';
}

test('what was written while the server was away is sent at the next start', async () => {
  const app = await start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await saved();
  browser.isOnline = false;
  await app.say('a', 'a-0', 'offline edit');
  await until(() => page?.handle.status === 'offline');
  page!.close('crash');
  page = undefined;
  const offline = await start();
  expect(textOf(offline.chats[0]?.messages[0])).toBe('offline edit');
  await api(server.url).putChat(chat('b', ['meanwhile']));
  browser.isOnline = true;
  const online = await start();
  expect(online.chats.map((c) => textOf(c.messages[0]))).toEqual(['meanwhile', 'offline edit']);
  await saved();
  expect(textOf((await api(server.url).chat('a'))?.messages[0])).toBe('offline edit');
});

test('a text that two devices changed is kept twice', async () => {
  const app = await start();
  app.chats = [chat('a', ['question', 'answer'])];
  await app.save();
  await saved();
  const theirs = chat('a', ['question']);
  theirs.messages.push(message('a-1', 'theirs'));
  await api(server.url).putChat(theirs);
  await app.say('a', 'a-1', 'ours');
  await until(() => page?.handle.status === 'conflict');
  expect((await api(server.url).chat('a'))?.messages.map(textOf)).toEqual(['question', 'theirs', 'ours']);
  // The running app still has its text under the old id: that goes to where ours is.
  await app.say('a', 'a-1', 'ours, longer');
  await until(
    async () =>
      (await api(server.url).chat('a'))?.messages.map(textOf).join() === 'question,theirs,ours, longer',
  );
  const again = await start();
  expect(again.chats[0]?.messages.map(textOf)).toEqual(['question', 'theirs', 'ours, longer']);
});

test('two browsers delete nothing of each other (pitfall 2)', async () => {
  const app = await start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await saved();
  await api(server.url).putChat(chat('theirs', ['two']));
  app.chats = [chat('mine', ['three']), ...app.chats];
  await app.save();
  await saved();
  expect((await api(server.url).chats()).map((c) => c.id).sort()).toEqual(['a', 'mine', 'theirs']);
});

test('most chats gone at once are asked for first (pitfall 8)', async () => {
  const app = await start();
  app.chats = Array.from({ length: 20 }, (_, i) => chat(`c${i}`, ['text']));
  await app.save();
  await saved();
  // As an app does that could not migrate what it read.
  app.chats = [chat('empty', [])];
  await app.save();
  await until(() => page?.text('holdfast-panel').includes('Delete 20 chats'));
  expect((await api(server.url).chats()).length).toBe(20);
  page!.click('holdfast-panel', 'Keep them');
  await until(() => page?.reloads === 1);
  expect((await start()).chats.length).toBe(20);
});

test('the version of the chats comes back as the app wrote it (pitfall 8)', async () => {
  const app = await start();
  app.version = 5;
  app.chats = [chat('a', ['one'])];
  await app.save();
  await until(async () => (await api(server.url).store('app-chats'))['version'] === 5);
  page!.close();
  page = undefined;
  expect(await api(server.url).send('GET', '/api/stores/app-chats?view=value')).toMatchObject({ version: 5 });
});

test('clean-ups that the app makes in place are sent with the message that is touched next (pitfall 8)', async () => {
  const app = await start();
  app.chats = [chat('a', ['one', 'two'])];
  await app.save();
  await saved();
  const again = await start();
  await again.save();
  await saved();
  expect((await api(server.url).chat('a'))?.messages[0]?.['userFlags']).toBeUndefined();
  await again.say('a', 'a-0', 'touched');
  await saved();
  const [first, second] = (await api(server.url).chat('a'))?.messages ?? [];
  expect([first?.['userFlags'], second?.['userFlags']]).toEqual([[], undefined]);
});

test('half-done answers and void fragments are kept (pitfall 9)', async () => {
  const app = await start();
  const half = message('m', 'so far', { pendingIncomplete: true });
  half.fragments.push({ ft: 'void', fId: 'v', part: { pt: 'ma', text: 'thought' } });
  app.chats = [{ ...chat('a', []), messages: [half] }];
  await app.save();
  await saved();
  expect((await api(server.url).chat('a'))?.messages[0]).toEqual(half);
});

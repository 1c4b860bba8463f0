import { expect, test } from 'vitest';

import { until } from '../../client/test/server.js';
import { chat, message, textOf } from './app.js';
import { Browser } from './browser.js';
import { session } from './session.js';

const s = session();

test('what the app writes is on the server, and a fresh browser starts with it', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['hello', 'world']), ...app.chats];
  await app.save();
  await s.saved();
  expect((await s.other.chats()).map((c) => c.id)).toEqual(['a']);
  const other = await s.start(new Browser(s.server.url));
  expect(other.chats.map((c) => c.messages.map(textOf))).toEqual([['hello', 'world']]);
});

test('an edit of one message sends one message', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['x'.repeat(50_000), 'short']), chat('b', ['y'.repeat(50_000)])];
  await app.save();
  await s.saved();
  const before = s.page.sent.length;
  await app.say('a', 'a-1', 'changed');
  await s.saved();
  const sent = s.page.sent.slice(before).filter((s) => s.method !== 'GET');
  expect(sent.map((s) => s.body).join('').length).toBeLessThan(1_000);
  expect(textOf((await s.other.chat('a'))?.messages[1])).toBe('changed');
});

test('empty chats that the app makes by itself stay in the browser', async () => {
  const app = await s.start();
  await app.save();
  await s.saved();
  expect(await s.other.chats()).toEqual([]);
  app.chats = [chat('a', ['hello'])];
  await app.save();
  await s.saved();
  expect((await s.other.chats()).map((c) => c.id)).toEqual(['a']);
});

test('incognito chats are never sent', async () => {
  const app = await s.start();
  app.chats = [chat('secret', ['hush'], { _isIncognito: true }), chat('a', ['hello'])];
  await app.save();
  await s.saved();
  expect((await s.other.chats()).map((c) => c.id)).toEqual(['a']);
});

test('a report of another device is no change of the app’s data', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await s.saved();
  const report = await s.other.send('POST', '/api/reports', { kind: 'shadow' });
  expect(report).toMatchObject({ success: true });
  const cursor = () => (JSON.parse(s.page.item('holdfast') ?? '{}') as { cursor?: string }).cursor ?? '';
  await until(() => Number(cursor().split('-').at(-1)) >= Number(report['revision']));
  expect(s.page.text('holdfast-status')).not.toContain('changed elsewhere');
});

test('what another device changed is there at the next start, and costs only that', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one']), chat('b', ['y'.repeat(20_000)]), chat('c', ['three'])];
  await app.save();
  await s.saved();
  await s.other.putChat(chat('a', ['one', 'from elsewhere']));
  await s.other.putChat(chat('new', ['fresh']));
  await s.other.deleteChat('c');
  await until(() => s.page.text('holdfast-status').includes('changed elsewhere'));
  const again = await s.start();
  expect(again.chats.map((c) => c.id)).toEqual(['new', 'a', 'b']);
  expect(again.chats[1]?.messages.map(textOf)).toEqual(['one', 'from elsewhere']);
  expect(s.page.sent.some((s) => s.path.includes('view=value'))).toBe(false);
  // Nothing of it is taken for the app's own change.
  await again.save();
  await s.saved();
  expect(s.page.sent.filter((s) => s.method !== 'GET')).toEqual([]);
});

test('a start with nothing new asks the server once', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await until(() => s.page.item('holdfast')?.includes('chatsVersion'));
  await until(async () => {
    const again = await s.start();
    return again.chats[0]?.id === 'a' && s.page.sent.every((s) => s.path.includes('changes/stream'));
  });
});

test('what was written while the server was away is sent at the next start', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await s.saved();
  s.browser.isOnline = false;
  await app.say('a', 'a-0', 'offline edit');
  await until(() => s.page.handle.status === 'offline');
  s.leave('crash');
  const offline = await s.start();
  expect(textOf(offline.chats[0]?.messages[0])).toBe('offline edit');
  await s.other.putChat(chat('b', ['meanwhile']));
  s.browser.isOnline = true;
  const online = await s.start();
  expect(online.chats.map((c) => textOf(c.messages[0]))).toEqual(['meanwhile', 'offline edit']);
  await s.saved();
  expect(textOf((await s.other.chat('a'))?.messages[0])).toBe('offline edit');
});

test('a text that two devices changed is kept twice', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['question', 'answer'])];
  await app.save();
  await s.saved();
  const theirs = chat('a', ['question']);
  theirs.messages.push(message('a-1', 'theirs'));
  await s.other.putChat(theirs);
  await app.say('a', 'a-1', 'ours');
  await until(() => s.page.handle.status === 'conflict');
  expect((await s.other.chat('a'))?.messages.map(textOf)).toEqual(['question', 'theirs', 'ours']);
  // The running app still has its text under the old id: that goes to where ours is.
  await app.say('a', 'a-1', 'ours, longer');
  await until(
    async () => (await s.other.chat('a'))?.messages.map(textOf).join() === 'question,theirs,ours, longer',
  );
  const again = await s.start();
  expect(again.chats[0]?.messages.map(textOf)).toEqual(['question', 'theirs', 'ours, longer']);
});

test('two browsers delete nothing of each other (pitfall 2)', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await s.saved();
  await s.other.putChat(chat('theirs', ['two']));
  app.chats = [chat('mine', ['three']), ...app.chats];
  await app.save();
  await s.saved();
  expect((await s.other.chats()).map((c) => c.id).sort()).toEqual(['a', 'mine', 'theirs']);
});

test('most chats gone at once are asked for first (pitfall 8)', async () => {
  const app = await s.start();
  app.chats = Array.from({ length: 20 }, (_, i) => chat(`c${i}`, ['text']));
  await app.save();
  await s.saved();
  // As an app does that could not migrate what it read.
  app.chats = [chat('empty', [])];
  await app.save();
  await until(() => s.page.text('holdfast-panel').includes('Delete 20 chats'));
  expect((await s.other.chats()).length).toBe(20);
  s.page.click('holdfast-panel', 'Keep them');
  await until(() => s.page.reloads === 1);
  expect((await s.start()).chats.length).toBe(20);
});

test('the version of the chats comes back as the app wrote it (pitfall 8)', async () => {
  const app = await s.start();
  app.version = 5;
  app.chats = [chat('a', ['one'])];
  await app.save();
  await until(async () => (await s.other.store('app-chats'))['version'] === 5);
  s.leave();
  expect(await s.other.send('GET', '/api/stores/app-chats?view=value')).toMatchObject({ version: 5 });
});

test('clean-ups that the app makes in place are sent with the message that is touched next (pitfall 8)', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one', 'two'])];
  await app.save();
  await s.saved();
  const again = await s.start();
  await again.save();
  await s.saved();
  expect((await s.other.chat('a'))?.messages[0]?.['userFlags']).toBeUndefined();
  await again.say('a', 'a-0', 'touched');
  await s.saved();
  const [first, second] = (await s.other.chat('a'))?.messages ?? [];
  expect([first?.['userFlags'], second?.['userFlags']]).toEqual([[], undefined]);
});

test('half-done answers and void fragments are kept (pitfall 9)', async () => {
  const app = await s.start();
  const half = message('m', 'so far', { pendingIncomplete: true });
  half.fragments.push({ ft: 'void', fId: 'v', part: { pt: 'ma', text: 'thought' } });
  app.chats = [{ ...chat('a', []), messages: [half] }];
  await app.save();
  await s.saved();
  expect((await s.other.chat('a'))?.messages[0]).toEqual(half);
});

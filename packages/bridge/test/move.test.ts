import { expect, test } from 'vitest';

import { until } from '../../client/test/server.js';
import { App, asset, chat, putAsset, textOf } from './app.js';
import { session } from './session.js';

const s = session();

/** A browser that was used without the bridge. */
async function used(...chats: ReturnType<typeof chat>[]): Promise<void> {
  s.browser.items.set('app-ui', JSON.stringify({ state: { complexityMode: 'extra' }, version: 3 }));
  s.browser.items.set(
    'app-metrics',
    JSON.stringify({ state: { serviceMetrics: { x: { usageCount: 9 } } }, version: 0 }),
  );
  await s.browser.without(async () => {
    const app = await App.start();
    app.chats = chats;
    await app.save();
    await putAsset(asset('img'));
  });
}

test('a used browser keeps its data to itself until its reader moves it', async () => {
  await used(chat('a', ['one', 'two']), chat('b', ['three']));
  const app = await s.start();
  await s.asked('Move this browser’s chats to the server?');
  expect(s.page.text('holdfast-panel')).toContain('2 chats');
  expect(s.page.text('holdfast-status')).toContain('only in this browser');
  await app.say('a', 'a-0', 'one, edited');
  expect(s.page.sent.filter((r) => r.method !== 'GET')).toEqual([]);
  s.page.click('holdfast-panel', 'Move');
  await s.asked('Everything is on the server');
  expect(await s.other.chats()).toEqual([
    { ...chat('a', ['one, edited', 'two'], { updated: 2 }), messages: (await s.other.chat('a'))?.messages },
    expect.objectContaining({ id: 'b' }),
  ]);
  expect(await s.other.store('app-ui')).toMatchObject({ data: { complexityMode: 'extra' }, version: 3 });
  expect(await s.other.store('app-metrics')).toMatchObject({
    data: { serviceMetrics: { x: { usageCount: 9 } } },
  });
  expect((await s.other.send('GET', '/api/assets/img'))['status']).toBe(200);
  const { reports } = (await s.other.send('GET', '/api/reports?kind=move')) as {
    reports: { body: object }[];
  };
  expect(JSON.stringify(reports[0])).toContain('"different":[]');
});

test('after the move the app’s writes are mirrored, and cost what they change', async () => {
  await used(chat('a', ['x'.repeat(50_000), 'two']));
  const app = await s.start();
  await s.asked('Move this browser’s chats');
  s.page.click('holdfast-panel', 'Move');
  await s.asked('Everything is on the server');
  const before = s.page.sent.length;
  await app.say('a', 'a-1', 'after');
  await s.saved();
  const sent = s.page.sent.slice(before).filter((r) => r.method !== 'GET');
  expect(sent.map((r) => r.body).join('').length).toBeLessThan(1_500);
  expect(textOf((await s.other.chat('a'))?.messages[1])).toBe('after');
  const again = await s.start();
  expect(textOf(again.chats[0]?.messages[1])).toBe('after');
  expect(s.page.text('holdfast-panel')).toBe('');
});

test('what is written during the move is moved too', async () => {
  await used(...Array.from({ length: 30 }, (_, i) => chat(`c${i}`, ['text'])));
  const app = await s.start();
  await s.asked('Move this browser’s chats');
  s.page.click('holdfast-panel', 'Move');
  await until(() => s.page.text('holdfast-panel').includes('Moving'));
  await app.say('c3', 'c3-0', 'during the move');
  localStorage.setItem('app-ui', JSON.stringify({ state: { complexityMode: 'minimal' }, version: 3 }));
  await s.asked('Everything is on the server');
  await s.saved();
  expect(textOf((await s.other.chat('c3'))?.messages[0])).toBe('during the move');
  expect((await s.other.store('app-ui'))['data']).toEqual({ complexityMode: 'minimal' });
});

test('where both sides have data, ids meet by message and both texts stay', async () => {
  await s.other.putChat(chat('a', ['one', 'theirs']));
  await s.other.putChat(chat('there', ['only there']));
  await used(chat('a', ['one', 'ours']), chat('here', ['only here']));
  await s.start();
  await s.asked('the server has 2 chats');
  s.page.click('holdfast-panel', 'Merge');
  await s.asked('Everything is on the server');
  s.page.click('holdfast-panel', 'Reload');
  await until(() => s.page.reloads === 1);
  const again = await s.start();
  expect(again.chats.map((c) => c.id).sort()).toEqual(['a', 'here', 'there']);
  const merged = again.chats.find((c) => c.id === 'a')?.messages.map(textOf);
  expect(merged).toEqual(['one', 'theirs', 'ours']);
});

test('not now means that nothing is sent, and the next start asks again', async () => {
  await used(chat('a', ['one']));
  await s.start();
  await s.asked('Move this browser’s chats');
  s.page.click('holdfast-panel', 'Not now');
  expect(s.page.sent.filter((r) => r.method !== 'GET')).toEqual([]);
  await s.start();
  await s.asked('Move this browser’s chats');
});

test('a move can be cancelled, and the browser still has everything', async () => {
  await used(chat('a', ['one']));
  const app = await s.start();
  await s.asked('Move this browser’s chats');
  s.page.click('holdfast-panel', 'Move');
  s.browser.isOnline = false;
  await until(() => s.page.text('holdfast-panel').includes('Cancel'));
  s.page.click('holdfast-panel', 'Cancel');
  await until(() => s.page.text('holdfast-panel') === '');
  expect(app.chats.map((c) => c.id)).toEqual(['a']);
  expect(s.page.text('holdfast-status')).toContain('only in this browser');
});

test('a server that was put back to an older state is asked about, and takes nothing away', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await s.saved();
  s.leave();
  await s.server.close();
  await s.anotherServer();
  const again = await s.start();
  expect(again.chats.map((c) => c.id)).toEqual(['a']);
  await s.asked('Move this browser’s chats to the server?');
});

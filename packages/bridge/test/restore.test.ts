import { expect, test } from 'vitest';

import { until } from '../../client/test/server.js';
import { App, asset, chat, getAsset, openAssets, putAsset, textOf } from './app.js';
import { session } from './session.js';

const s = session();

const many = (n: number) => Array.from({ length: n }, (_, i) => chat(`old${i}`, ['text']));
const ids = async () => (await s.other.chats()).map((c) => c.id);
const ui = (mode: string) => ({ state: { complexityMode: mode }, version: 3 });

/** A browser with twenty chats, all on the server. */
async function used(): Promise<App> {
  const app = await s.start();
  app.chats = many(20);
  await app.save();
  localStorage.setItem('app-ui', JSON.stringify(ui('pro')));
  await s.saved();
  return app;
}

test('a restored backup replaces what the server has, settings and chats (pitfall 13)', async () => {
  const app = await used();
  await app.restore({ 'app-ui': ui('minimal') }, [chat('b1', ['from the backup']), chat('old3', ['older'])]);
  expect(s.page.sent.filter((r) => r.method === 'DELETE' || r.body.includes('DELETE'))).toEqual([]);
  const again = await s.start();
  expect(again.chats.map((c) => c.id)).toEqual(['b1', 'old3']);
  await s.saved();
  expect(await ids()).toEqual(['b1', 'old3']);
  expect(textOf((await s.other.chat('old3'))?.messages[0])).toBe('older');
  expect((await s.other.store('app-ui'))['data']).toEqual({ complexityMode: 'minimal' });
  await again.say('b1', 'b1-0', 'goes on');
  await s.saved();
  expect(textOf((await s.other.chat('b1'))?.messages[0])).toBe('goes on');
});

test('a clear that nothing follows deletes nothing, and everything comes back (pitfall 13)', async () => {
  const app = await used();
  await app.restore({}, undefined);
  const again = await s.start();
  expect(again.chats.length).toBe(20);
  expect(localStorage.getItem('app-ui')).toContain('pro');
  expect((await ids()).length).toBe(20);
});

test('a restore over what somebody else wrote since is asked for (pitfall 13)', async () => {
  const app = await used();
  await app.restore({}, [chat('b1', ['from the backup'])]);
  s.leave();
  await s.other.putChat(chat('theirs', ['new']));
  const started = s.start();
  await until(() => document.querySelector('holdfast-panel') !== null);
  expect((await ids()).length).toBe(21);
  const { page } = s;
  await s.asked('Replace the chats on the server by the backup?');
  page.click('holdfast-panel', 'Keep both');
  const again = await started;
  expect((await ids()).length).toBe(22);
  expect(again.chats.map((c) => c.id)).toContain('b1');
});

test('a restore that was not sent stays pending while the server is away (pitfall 13)', async () => {
  const app = await used();
  s.browser.isOnline = false;
  await app.restore({ 'app-ui': ui('minimal') }, [chat('b1', ['from the backup'])]);
  const offline = await s.start();
  expect(offline.chats.map((c) => c.id)).toEqual(['b1']);
  await offline.say('b1', 'b1-0', 'edited offline');
  s.browser.isOnline = true;
  await s.start();
  await s.saved();
  expect(await ids()).toEqual(['b1']);
  expect(textOf((await s.other.chat('b1'))?.messages[0])).toBe('edited offline');
});

test('images of a restored backup are sent, and none is deleted by the clear (pitfall 13)', async () => {
  await s.start();
  await putAsset(asset('before'));
  await s.saved();
  const database = await openAssets();
  const store = database.transaction('largeAssets', 'readwrite').objectStore('largeAssets');
  store.clear();
  store.add({ ...asset('restored'), createdAt: '2023-11-14T22:13:20.000Z' });
  await until(() => s.page.handle.pending === 1 || s.page.sent.some((r) => r.path.includes('restored')));
  database.close();
  await s.saved();
  expect((await s.other.send('GET', '/api/assets/before'))['status']).toBe(200);
  expect((await s.other.send('GET', '/api/assets/restored'))['status']).toBe(200);
  expect(await getAsset('before')).toBeDefined();
});

import { expect, test } from 'vitest';

import { until } from '../../client/test/server.js';
import { chat } from './app.js';
import { session } from './session.js';

const s = session();

test('a tab that is promoted starts anew, and its old data overwrites nothing (pitfall 1)', async () => {
  await s.start();
  const leader = {};
  const { manager } = s.browser.locks.ofPage(leader);
  await manager.request('other-lock', () => undefined);
  void manager.request('big-agi-instance', () => new Promise(() => undefined));
  let isRun = false;
  const run = () => {
    isRun = true;
  };
  const first = await navigator.locks.request('big-agi-instance', { ifAvailable: true }, (lock) => lock);
  expect(first).toBeNull();
  void navigator.locks.request('big-agi-instance', run);
  s.browser.locks.release(leader);
  await until(() => s.page.reloads === 1);
  expect(isRun).toBe(false);
});

test('a tab that takes the lock by force starts anew (pitfall 1)', async () => {
  await s.start();
  void navigator.locks.request('big-agi-instance', { steal: true }, () => undefined);
  await until(() => s.page.reloads === 1);
});

test('the first tab runs the app as usual', async () => {
  await s.start();
  const ran = await navigator.locks.request(
    'big-agi-instance',
    { ifAvailable: true },
    (lock) => lock !== null,
  );
  expect([ran, s.page.reloads]).toEqual([true, 0]);
});

test('a second tab sends nothing, and starts anew when the first one goes (pitfall 1)', async () => {
  const app = await s.start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  await s.saved();
  s.leave();
  const first = {};
  void s.browser.locks.ofPage(first).manager.request('holdfast-tab', () => new Promise(() => undefined));
  const second = await s.start();
  expect(second.chats[0]?.id).toBe('a');
  await second.say('a', 'a-0', 'stale');
  localStorage.setItem('app-ui', '{"state":{},"version":0}');
  expect(s.page.sent.filter((r) => r.method !== 'GET')).toEqual([]);
  s.browser.locks.release(first);
  await until(() => s.page.reloads === 1);
});

test('without Web Locks the tabs ask each other (pitfalls 1 and 10)', async () => {
  s.browser.isSecure = false;
  const leader = new BroadcastChannel('holdfast-tab');
  leader.onmessage = (event) => {
    if ((event as MessageEvent<unknown>).data === 'who') leader.postMessage('here');
  };
  const app = await s.start();
  app.chats = [chat('a', ['one'])];
  await app.save();
  expect(s.page.sent.filter((r) => r.method !== 'GET')).toEqual([]);
  leader.postMessage('gone');
  await until(() => s.page.reloads === 1);
  leader.close();
});

test('a page of a plain http address keeps its data on the server too (pitfall 10)', async () => {
  s.browser.isSecure = false;
  const app = await s.start();
  expect('locks' in navigator).toBe(false);
  app.chats = [chat('a', ['one'])];
  await app.save();
  await s.saved();
  expect((await s.other.chats()).map((c) => c.id)).toEqual(['a']);
});

test('nobody is asked for persistent storage (pitfall 4)', async () => {
  await s.start();
  expect(await navigator.storage.persist()).toBe(true);
});

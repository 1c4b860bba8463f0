import { expect, test } from 'vitest';

import { until } from '../../client/test/server.js';
import { Browser } from './browser.js';
import { session } from './session.js';

const s = session();

const value = (state: unknown, version = 0) => JSON.stringify({ state, version });
const item = (key: string) => localStorage.getItem(key);
const data = async (name: string, device = '') => (await s.other.store(name, device))['data'];
const client = () => (JSON.parse(s.page.item('holdfast') ?? '') as { client: string }).client;

test('a setting is on the server, and in another browser before its app reads it', async () => {
  await s.start();
  localStorage.setItem('app-ui', value({ complexityMode: 'extra' }, 3));
  await s.saved();
  expect(await s.other.store('app-ui')).toMatchObject({ data: { complexityMode: 'extra' }, version: 3 });
  await s.start(new Browser(s.server.url));
  expect(item('app-ui')).toBe(value({ complexityMode: 'extra' }, 3));
});

test('values that are no stores come back as they were', async () => {
  await s.start();
  const values = { 'app-from-v1-arrival': '1700000000000', 'app-odd': '"quoted"', 'app-list': '[1,2]' };
  for (const [key, text] of Object.entries(values)) localStorage.setItem(key, text);
  localStorage.setItem('app-beside', JSON.stringify({ state: 1, version: 2, extra: 'kept' }));
  await s.saved();
  await s.start(new Browser(s.server.url));
  for (const [key, text] of Object.entries(values)) expect(item(key)).toBe(text);
  expect(JSON.parse(item('app-beside') ?? '')).toEqual({ state: 1, version: 2, extra: 'kept' });
});

test('what a device has of its own stays its own', async () => {
  await s.start();
  localStorage.setItem('app-state', value({ usageCount: 41 }));
  localStorage.setItem('joy-mode', 'dark');
  localStorage.setItem('app-device', value({ localDeviceId: 'one' }));
  localStorage.setItem('app-ui', value({}));
  await s.saved();
  const first = client();
  await s.start(new Browser(s.server.url));
  expect(client()).not.toBe(first);
  expect([item('joy-mode'), item('app-state'), item('app-device')]).toEqual(['dark', null, null]);
  localStorage.setItem('app-state', value({ usageCount: 1 }));
  localStorage.setItem('joy-mode', 'light');
  await s.saved();
  expect(s.page.handle.conflicts).toEqual([]);
  expect(await data('app-state', first)).toEqual({ usageCount: 41 });
  expect(await data('app-state', client())).toEqual({ usageCount: 1 });
});

test('a setting that was not sent when the page went is merged with what came meanwhile', async () => {
  await s.start();
  localStorage.setItem('app-ui', value({ a: 1, b: 1 }));
  await s.saved();
  s.browser.isOnline = false;
  localStorage.setItem('app-ui', value({ a: 2, b: 1 }));
  s.leave('crash');
  await s.other.putStore('app-ui', { a: 1, b: 2 });
  s.browser.isOnline = true;
  await s.start();
  expect(JSON.parse(item('app-ui') ?? '')).toMatchObject({ state: { a: 2, b: 2 } });
  await s.saved();
  expect(await data('app-ui')).toEqual({ a: 2, b: 2 });
});

test('a setting that both devices changed while running is merged, and the reader is told to reload', async () => {
  await s.start();
  localStorage.setItem('app-ui', value({ a: 1, b: 1 }));
  await s.saved();
  await s.other.putStore('app-ui', { a: 1, b: 2 });
  localStorage.setItem('app-ui', value({ a: 2, b: 1 }));
  await s.saved();
  expect(await data('app-ui')).toEqual({ a: 2, b: 2 });
  // The app does not know of `b`, and must not undo it.
  localStorage.setItem('app-ui', value({ a: 3, b: 1 }));
  await s.saved();
  expect(await data('app-ui')).toEqual({ a: 3, b: 2 });
  expect(s.page.text('holdfast-status')).toContain('changed elsewhere');
  await s.start();
  expect(JSON.parse(item('app-ui') ?? '')).toMatchObject({ state: { a: 3, b: 2 } });
});

test('removed settings are removed, here and there', async () => {
  await s.start();
  localStorage.setItem('app-sharing', value({ chatLinkItems: [] }));
  localStorage.setItem('app-ui', value({}));
  await s.saved();
  localStorage.removeItem('app-ui');
  await s.saved();
  expect((await s.other.store('app-ui'))['status']).toBe(404);
  await s.other.send('DELETE', '/api/stores/app-sharing');
  await s.start();
  expect(item('app-sharing')).toBeNull();
});

test('what two devices spend adds up', async () => {
  const spent = (cents: number, uses: number) =>
    value({
      serviceMetrics: {
        openai: {
          totalCosts: cents / 100,
          totalSavings: 0,
          totalInputTokens: uses * 10,
          totalOutputTokens: uses,
        },
      },
    }).replace('"totalSavings":0', `"totalSavings":0,"usageCount":${uses},"freeUsages":0`);
  await s.start();
  localStorage.setItem('app-metrics', spent(2, 1));
  await s.saved();
  const cost = {
    operation: 'addCostEntry',
    serviceId: 'openai',
    costs: { $c: 5 },
    inputTokens: 7,
    outputTokens: 3,
  };
  await s.other.send('POST', '/api/metrics', cost);
  localStorage.setItem('app-metrics', spent(3, 2));
  await s.saved();
  const total = { totalCosts: 0.08, totalInputTokens: 27, totalOutputTokens: 5, usageCount: 3 };
  expect(await data('app-metrics')).toMatchObject({ serviceMetrics: { openai: total } });
  await s.start();
  expect(JSON.parse(item('app-metrics') ?? '')).toMatchObject({
    state: { serviceMetrics: { openai: total } },
  });
});

test('spending that was not sent is added to what the server says', async () => {
  await s.start();
  localStorage.setItem('app-ui', value({}));
  await s.saved();
  s.browser.isOnline = false;
  const openai = { totalCosts: 0.01, totalInputTokens: 5, totalOutputTokens: 1, usageCount: 1 };
  localStorage.setItem('app-metrics', value({ serviceMetrics: { openai } }));
  s.leave('crash');
  const cost = {
    operation: 'addCostEntry',
    serviceId: 'openai',
    costs: { $c: 4 },
    inputTokens: 1,
    outputTokens: 1,
  };
  await s.other.send('POST', '/api/metrics', cost);
  s.browser.isOnline = true;
  await s.start();
  const total = { totalCosts: 0.05, totalInputTokens: 6, totalOutputTokens: 2, usageCount: 2 };
  expect(JSON.parse(item('app-metrics') ?? '')).toMatchObject({
    state: { serviceMetrics: { openai: total } },
  });
  await s.saved();
  expect(await data('app-metrics')).toMatchObject({ serviceMetrics: { openai: total } });
});

test('busy stores wait for their next version, and not for the next page', async () => {
  await s.start();
  for (let i = 0; i < 50; i += 1) localStorage.setItem('agi-logger-log', value({ entries: [i] }));
  const writes = () => s.page.sent.filter((r) => r.body.includes('agi-logger-log')).length;
  expect(writes()).toBe(0);
  const device = client();
  s.leave('hide');
  await until(async () => JSON.stringify(await data('agi-logger-log', device)) === '{"entries":[49]}');
});

test('the bridge’s own keys are hidden from the app and survive its clear', async () => {
  await s.start();
  const own = s.page.item('holdfast');
  expect(item('holdfast')).toBeNull();
  localStorage.setItem('holdfast', 'from a backup of another browser');
  localStorage.removeItem('holdfast');
  localStorage.clear();
  expect(JSON.parse(s.page.item('holdfast') ?? '') as object).toMatchObject({
    client: (JSON.parse(own ?? '') as { client: string }).client,
  });
});

test('a full localStorage throws to the app as it always did, and nothing is sent of it (pitfall 6)', async () => {
  await s.start();
  localStorage.setItem('app-ui', value({ a: 1 }));
  await s.saved();
  expect(() => localStorage.setItem('app-ui', value({ big: 'x'.repeat(6_000_000) }))).toThrow();
  expect(s.page.handle.pending).toBe(0);
  expect(await data('app-ui')).toEqual({ a: 1 });
});

test('keys reach the server, and no page of another origin (pitfall 7)', async () => {
  await s.start();
  const source = { id: 'openai', vId: 'openai', setup: { oaiKey: 'sk-secret' } };
  const models = { llms: [], sources: [source], confServiceId: null, modelAssignments: {} };
  localStorage.setItem('app-models', value(models, 5));
  await s.saved();
  await s.start(new Browser(s.server.url));
  expect(item('app-models')).toContain('sk-secret');
  const foreign = await s.other.call('/api/stores/app-models', {
    headers: { origin: 'https://evil.example' },
  });
  expect(foreign.status).toBe(403);
});

test('the start asks one request that says what changed, and gets no chats in it (pitfall 11)', async () => {
  await s.start();
  localStorage.setItem('app-ui', value({ a: 1 }));
  await s.saved();
  await s.other.putChat({ id: 'big', messages: [], note: 'x'.repeat(100_000) });
  await s.start();
  expect(s.page.asked.length).toBe(1);
  expect(s.page.asked[0]?.path).toContain('/api/state?');
  expect(s.page.asked[0]?.size).toBeLessThan(2_000);
});

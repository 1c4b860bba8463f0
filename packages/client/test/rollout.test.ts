import { afterAll, beforeAll, expect, test } from 'vitest';

import { differences } from '../src/rollout/differences.js';
import { modeOf } from '../src/rollout/mode.js';
import { mayRemoveOldCopy } from '../src/rollout/old-copy.js';
import { ShadowReport } from '../src/rollout/shadow-report.js';
import { createTransport, type Transport } from '../src/transport.js';
import { startServer, type TestServer } from './server.js';

let server: TestServer;
let transport: Transport;
beforeAll(async () => {
  server = await startServer();
  transport = createTransport({ url: server.url, clientId: 'browser' });
});
afterAll(() => server.close());

const browsers = Array.from({ length: 4_000 }, (_, i) => `browser-${i}`);
const share = (choice: Parameters<typeof modeOf>[0], mode: string) =>
  browsers.filter((id) => modeOf(choice, id) === mode).length / browsers.length;

test('a flag decides for every browser', () => {
  expect(share('shadow', 'shadow')).toBe(1);
});

test('shares are about as large as asked for', () => {
  expect(share({ server: 25, shadow: 50 }, 'server')).toBeCloseTo(0.25, 1);
  expect(share({ server: 25, shadow: 50 }, 'shadow')).toBeCloseTo(0.5, 1);
  expect(share({}, 'local')).toBe(1);
  expect(share({ server: 100 }, 'server')).toBe(1);
});

test('a browser keeps its mode, and a larger share moves none back', () => {
  for (const id of browsers) {
    expect(modeOf({ server: 30 }, id)).toBe(modeOf({ server: 30 }, id));
    if (modeOf({ server: 30 }, id) === 'server') expect(modeOf({ server: 31 }, id)).toBe('server');
  }
});

test('differences are told as paths, by id where there is one, and without values', () => {
  const a = { chats: [{ id: 'x', title: 'secret' }, { id: 'y' }], n: 1 };
  const b = { chats: [{ id: 'x', title: 'other' }, { id: 'z' }], n: 1 };
  expect(differences(a, b)).toEqual(['chats.x.title', 'chats.y', 'chats.z']);
  expect(differences(a, structuredClone(a))).toEqual([]);
});

test('another order of the same things is a difference', () => {
  expect(differences([{ id: 'a' }, { id: 'b' }], [{ id: 'b' }, { id: 'a' }])).toEqual(['']);
});

test('a report is posted once, and can be listed', async () => {
  const report = new ShadowReport();
  report.compare('app-ui', { a: 1, b: 'secret text' }, { a: 2, b: 'secret text' });
  await report.time('app-ui', 'server', 'read', () => 1);
  const failing = report.time('app-ui', 'server', 'write', () => Promise.reject(new Error('away')));
  await expect(failing).rejects.toThrow('away');
  await report.send(transport);
  await report.send(transport);
  const { body } = await transport.send({ method: 'GET', path: '/api/reports?kind=shadow' });
  const reports = body['reports'] as { report: { client: string; stores: unknown } }[];
  expect(reports).toHaveLength(1);
  expect(reports[0]?.report).toMatchObject({
    client: 'browser',
    stores: {
      'app-ui': {
        compared: 1,
        equal: 0,
        differences: ['a'],
        failures: ['server write: away'],
        milliseconds: { 'server read': { count: 1 } },
      },
    },
  });
  expect(JSON.stringify(reports)).not.toContain('secret text');
});

test('the old copy may go after a week on the server and a backup that was verified in that time', async () => {
  const day = 24 * 3_600_000;
  const since = Date.now() - 8 * day;
  expect(await mayRemoveOldCopy(transport, null)).toMatchObject({ mayRemove: false, missing: 'time' });
  expect(await mayRemoveOldCopy(transport, Date.now() - 6 * day)).toMatchObject({ missing: 'time' });
  expect(await mayRemoveOldCopy(transport, since)).toEqual({ mayRemove: false, missing: 'backup' });
  const made = await transport.send({ method: 'POST', path: '/api/backups', body: '{}' });
  expect(made.ok).toBe(true);
  expect(await mayRemoveOldCopy(transport, since)).toMatchObject({ mayRemove: true });
  expect(await mayRemoveOldCopy(transport, Date.now() + 1, Date.now() + 8 * day)).toMatchObject({
    missing: 'backup',
  });
});

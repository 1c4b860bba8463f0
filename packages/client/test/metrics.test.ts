import { afterEach, beforeEach, expect, test } from 'vitest';
import { createStore, type StoreApi } from 'zustand/vanilla';

import { createClient } from '../src/index.js';
import type { Holdfast } from '../src/session/connect.js';
import { createMetricsStorage } from '../src/zustand.js';
import { livePersist } from '../src/zustand/persist.js';
import { Browser } from './browser.js';
import { startServer, until, type TestServer } from './server.js';

const NONE = { totalCosts: 0, totalSavings: 0, totalInputTokens: 0, totalOutputTokens: 0, usageCount: 0 };
type Counters = typeof NONE;
interface Metrics {
  serviceMetrics: Record<string, Counters>;
}

type Persisted = StoreApi<Metrics> & { persist: { hasHydrated: () => boolean } };

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

/** Counters start from nothing. */
const countersOf = (counters?: Counters) => ({ ...NONE, ...counters });
async function metrics(holdfast: Holdfast) {
  const storage = createMetricsStorage<Metrics>(holdfast);
  const config = livePersist(
    () => ({ serviceMetrics: {} }),
    { name: 'app-metrics', storage } as never,
    storage as never,
  );
  const store = createStore<Metrics>()(config as never) as unknown as Persisted;
  await until(() => store.persist.hasHydrated());
  /** What the app does after each answer: adds to its counters. */
  const use = (dollars: number, tokens: number) =>
    store.setState(({ serviceMetrics }) => {
      const { totalCosts, totalInputTokens, usageCount, ...rest } = countersOf(serviceMetrics['openai']);
      const openai = {
        ...rest,
        totalCosts: totalCosts + dollars,
        totalInputTokens: totalInputTokens + tokens,
        usageCount: usageCount + 1,
      };
      return { serviceMetrics: { ...serviceMetrics, openai } };
    });
  return { store, use, openai: () => store.getState().serviceMetrics['openai'] };
}

async function stored(): Promise<Counters | undefined> {
  const { data } = await createClient({ url: server.url }).getMetrics();
  return (data as unknown as Metrics).serviceMetrics['openai'];
}

test('what two browsers add at the same time adds up, on the server and in both', async () => {
  const [a, b] = [await metrics(laptop.page()), await metrics(phone.page())];
  a.use(0.25, 100);
  b.use(0.5, 10);
  a.use(0.25, 100);
  await until(async () => (await stored())?.['usageCount'] === 3);
  expect(await stored()).toMatchObject({ totalCosts: 1, totalInputTokens: 210 });
  for (const { openai } of [a, b]) {
    await until(() => openai()?.['usageCount'] === 3);
    expect(openai()).toMatchObject({ totalCosts: 1, totalInputTokens: 210 });
  }
});

test('what was added while the server was away is counted once, also over a reload', async () => {
  const first = await metrics(laptop.page());
  first.use(0.5, 1);
  await until(async () => (await stored())?.['usageCount'] === 1);
  await server.kill();
  first.use(0.5, 1);
  await laptop.close();
  await server.restart();
  const again = await metrics(laptop.page());
  await until(async () => (await stored())?.['usageCount'] === 2);
  again.use(1, 1);
  await until(async () => (await stored())?.['usageCount'] === 3);
  expect(await stored()).toMatchObject({ totalCosts: 2, totalInputTokens: 3 });
});

test('each use is a row of the ledger, and no sum is written over another', async () => {
  const { use } = await metrics(laptop.page());
  for (let i = 0; i < 5; i += 1) use(0.01, 7);
  await until(async () => (await stored())?.['usageCount'] === 5);
  const { body } = await laptop.page().transport.send({ method: 'GET', path: '/api/usage' });
  const rows = Object.values(body).find(Array.isArray) as { source: string }[];
  expect(rows).toHaveLength(5);
});

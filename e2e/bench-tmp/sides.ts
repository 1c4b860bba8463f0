// The two sides that are compared: the app on plain IndexedDB, and the same app behind Holdfast.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startAppServer } from '../harness/app-server';
import { saved } from '../harness/bridge';
import { Profile } from '../harness/browser';
import { appWrote, ready } from '../harness/chat';
import { Front } from '../harness/front';
import { Holdfast } from '../harness/holdfast';
import { history } from './history';

export interface Side {
  url: string;
  profile: Profile;
  /** Nothing is under way any more. */
  settled: (page: Page) => Promise<void>;
}

export interface Sides {
  plain: Side;
  proxied: Side;
  /** The proxied side once more, with something in between that counts. */
  front: Front;
  emptyProfile: () => Profile;
  stop: () => Promise<void>;
}

export async function startSides(conversations: number, build: 'debug' | 'release'): Promise<Sides> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const app = await startAppServer();
  const holdfast = await Holdfast.start({ directory, app: app.url, build });
  const front = await Front.before(holdfast.app);
  const profiles = ['plain', 'proxied'].map((name) => Profile.in(directory, name)) as [Profile, Profile];
  const empties: Profile[] = [];

  await fillServer(holdfast, conversations);
  await fillBrowser(profiles[0], app.url, conversations);

  return {
    plain: { url: app.url, profile: profiles[0], settled: appWrote },
    proxied: { url: holdfast.app, profile: profiles[1], settled: saved },
    front,
    emptyProfile: () => {
      const profile = Profile.in(directory, `empty-${empties.length}`);
      empties.push(profile);
      return profile;
    },
    stop: async () => {
      for (const profile of [...profiles, ...empties]) await profile.close();
      await front.stop();
      await holdfast.stop();
      await app.stop();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function fillServer(holdfast: Holdfast, conversations: number): Promise<void> {
  const { state, version } = JSON.parse(history(conversations)) as { state: unknown; version: number };
  const body = JSON.stringify({ data: state, version });
  const response = await holdfast.fetch('/api/stores/app-chats', { method: 'PUT', body });
  if (!response.ok) throw new Error(`the history could not be stored: ${await response.text()}`);
}

/** From a page of the same origin that does not start the app. */
async function fillBrowser(profile: Profile, url: string, conversations: number): Promise<void> {
  const page = await profile.open(`${url}/closed.html`);
  await page.evaluate(`globalThis.historyText = (${history.toString()})(${conversations})`);
  await page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open('keyval-store', 1);
        request.onerror = () => reject(request.error);
        request.onupgradeneeded = () => void request.result.createObjectStore('keyval');
        request.onsuccess = () => {
          const transaction = request.result.transaction('keyval', 'readwrite');
          const { historyText } = globalThis as unknown as { historyText: string };
          transaction.objectStore('keyval').put(historyText, 'app-chats');
          transaction.oncomplete = () => resolve(request.result.close());
          transaction.onabort = () => reject(transaction.error);
        };
      }),
  );
  await page.close();
}

/** Opens the app and says after how many milliseconds its chats were there. */
export async function boot(side: Side, conversations: number): Promise<number> {
  const page = await side.profile.open(side.url);
  await ready(page);
  const at = await page.evaluate(() => performance.getEntriesByName('hydratedAt')[0]!.startTime);
  await expectHistory(page, conversations);
  await side.settled(page);
  await page.close();
  return at;
}

/** A fast start with half of the chats would be no result. */
export async function expectHistory(page: Page, conversations: number): Promise<void> {
  const loaded = await page.evaluate(() => window.__app.chats.getState().conversations.length);
  if (loaded < conversations)
    throw new Error(`${page.url()} started with ${loaded} of ${conversations} chats`);
}

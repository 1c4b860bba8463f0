import 'fake-indexeddb/auto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startServer, until, type TestServer } from '../server.js';
import { bundlers, newProfile, openPage, type Profile } from './page.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

async function put(name: string, body: object, device?: string): Promise<void> {
  const query = device === undefined ? '' : `?device=${device}`;
  const response = await fetch(`${server.url}/api/stores/${name}${query}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

async function stored(name: string, device = ''): Promise<Record<string, unknown> | undefined> {
  const response = await fetch(`${server.url}/api/stores/${name}${device && `?device=${device}`}`);
  return ((await response.json()) as { data?: Record<string, unknown> }).data;
}

for (const [bundler, build] of Object.entries(bundlers)) {
  describe(`an app that ${bundler} built with the alias`, () => {
    let bundle: string;
    let device: string;
    let count = 0;
    const pages: { close(): void }[] = [];
    const open = (profile: Profile) => {
      const page = openPage(bundle, server.url, profile, { clientId: device });
      pages.push(page);
      return page;
    };

    beforeAll(async () => {
      bundle = await build({ withAlias: true });
    });
    afterEach(() => {
      for (const page of pages.splice(0)) page.close();
    });

    test('has the server’s state when its first module writes, and overwrites nothing with defaults', async () => {
      device = `${bundler}${++count}`;
      await put('app-state', { data: { usageCount: 41, lastSeenNewsVersion: 209 }, version: 0 }, device);
      await put('app-ui', { data: { theme: 'dark', steps: [] }, version: 3 });
      const { app } = open(newProfile());
      expect(app.kept.appState).toMatchObject({ usageCount: 42, lastSeenNewsVersion: 209 });
      expect(app.kept.ui).toMatchObject({ theme: 'dark' });
      expect(app.ui.persist.hasHydrated()).toBe(true);
      await until(async () => (await stored('app-state', device))?.['usageCount'] === 42);
      expect(await stored('app-state', device)).toEqual({ usageCount: 42, lastSeenNewsVersion: 209 });
    });

    test('keeps its stores’ actions, and what they set is on the server', async () => {
      device = `${bundler}${++count}`;
      await put('app-ui', { data: { theme: 'dark', steps: [] }, version: 3 });
      const { app } = open(newProfile());
      (app.ui.getState()['setTheme'] as (theme: string) => void)('sepia');
      await until(async () => (await stored('app-ui'))?.['theme'] === 'sepia');
    });

    test('gets the stored version to migrate from', async () => {
      device = `${bundler}${++count}`;
      for (const version of [1, 2]) {
        await put('app-ui', { data: { theme: `v${version}`, steps: [] }, version });
        const { app } = open(newProfile());
        expect(app.kept.ui).toMatchObject({ theme: `v${version}`, steps: [`from ${version}`] });
      }
      await put('app-ui', { data: { theme: 'v3', steps: [] }, version: 3 });
      expect(open(newProfile()).app.kept.ui).toMatchObject({ theme: 'v3', steps: [] });
    });

    test('has its chats on the server, and none in a storage of its own', async () => {
      device = `${bundler}${++count}`;
      const id = `${bundler}-chat`;
      const page = open(newProfile());
      await until(() => page.app.chats.persist.hasHydrated());
      const before = page.app.chats.getState()['conversations'] as object[];
      const message = { id: 'm', role: 'user', fragments: [] };
      page.app.chats.setState({ conversations: [{ id, messages: [message], updated: 1 }, ...before] });
      await until(async () => (await fetch(`${server.url}/api/chats/${id}`)).status === 200);
      const { app } = open(newProfile());
      await until(() => app.chats.persist.hasHydrated());
      expect(JSON.stringify(app.chats.getState())).toContain(id);
    });

    test('starts from its copy while the server is away, and its edits arrive later', async () => {
      device = `${bundler}${++count}`;
      await put('app-ui', { data: { theme: 'dark', steps: [] }, version: 3 });
      const profile = newProfile();
      open(profile).close();
      await server.kill();
      const page = open(profile);
      expect(page.app.kept.ui).toMatchObject({ theme: 'dark' });
      expect(page.app.kept.appState).toMatchObject({ usageCount: 2 });
      page.app.ui.setState({ theme: 'offline' });
      page.close();
      await server.restart();
      open(profile);
      await until(async () => (await stored('app-ui'))?.['theme'] === 'offline');
    });

    test('is taken back by building it without the alias: what it had is in its own storage', async () => {
      device = `${bundler}${++count}`;
      await put('app-ui', { data: { theme: 'from the server', steps: [] }, version: 3 });
      const profile = newProfile();
      open(profile).close();
      const plain = openPage(await build({ withAlias: false }), server.url, profile);
      pages.push(plain);
      expect(plain.app.kept.ui).toMatchObject({ theme: 'from the server' });
    });
  });
}

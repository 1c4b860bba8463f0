// The app's own backup and restore, which go past its stores.
import { expect, test } from 'vitest';
import { saved } from '../harness/bridge';
import {
  appWrote,
  chatsOf,
  flashBackup,
  loaded,
  newChat,
  openChat,
  ready,
  restoreFlash,
  say,
} from '../harness/chat';
import { expectImageShown, expectSame } from '../harness/expectations';
import { writePicture } from '../harness/picture';
import { serverChats, serverStore, textsOf } from '../harness/server-state';
import { until } from '../harness/until';
import { nativeWorld, world } from '../harness/world';

test('a restore replaces what is there, on the server too', async () => {
  const { holdfast, url, profile, path } = await world();
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'In the backup TOK5', await writePicture(`${path}/picture.png`));
  await page.getByTestId('folder-title').fill('Work');
  await page.getByTestId('folder-title').press('Enter');
  await saved(page);
  const backup = await flashBackup(page);
  const before = await chatsOf(page);
  await newChat(page);
  await say(page, 'After the backup TOK5');
  await page.getByTestId('folder-title').fill('Later');
  await page.getByTestId('folder-title').press('Enter');
  await saved(page);

  await restoreFlash(page, backup);
  expect((await chatsOf(page)).map(textsOf)).toEqual(before.map(textsOf));
  await until(
    'the server has the chats of the backup',
    async () => (await serverChats(holdfast)).length === 1,
  );
  await expectSame(holdfast, page);
  expect(await page.getByTestId('folder').allTextContents()).toEqual(['Work']);
  const folders = await serverStore<{ folders: { title: string }[] }>(holdfast, 'app-folders');
  expect(folders?.folders.map(({ title }) => title)).toEqual(['Work']);

  const other = await profile('b').open(url);
  await ready(other);
  expect((await chatsOf(other)).map(textsOf)).toEqual(before.map(textsOf));
  await expectImageShown(other, 320);
  const { versions } = await holdfast.get<{ versions: unknown[] }>('/api/history?kind=conversation');
  expect(versions.length).toBeGreaterThan(0);
});

test('a backup made in another browser, restored into an empty one, is on the server', async () => {
  let backup = '';
  let texts: string[] = [];
  const { holdfast, url, profile } = await world({
    before: async (address, browser) => {
      const page = await browser.open(address);
      await ready(page);
      await say(page, 'From elsewhere TOK5', await writePicture(`${browser.directory}.png`));
      await appWrote(page);
      backup = await flashBackup(page);
      texts = (await chatsOf(page)).flatMap(textsOf);
    },
  });
  const page = await profile().open(url);
  await ready(page);
  await restoreFlash(page, backup);
  await expectImageShown(page, 320);
  await until(
    'the server has the chats',
    async () => (await serverChats(holdfast)).flatMap(textsOf).length === texts.length,
  );
  await expectSame(holdfast, page);
});

test('a backup that the server exports is restored by the app without Holdfast', async () => {
  const { holdfast, url, profile, path } = await world();
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'A picture TOK10', await writePicture(`${path}/picture.png`));
  await page.getByTestId('folder-title').fill('Work');
  await page.getByTestId('folder-title').press('Enter');
  await page.evaluate(() => window.__app.addService('sk-made-up'));
  await newChat(page);
  await say(page, 'Another chat TOK5');
  await saved(page);
  const chats = await chatsOf(page);
  const exported = await holdfast.fetch('/api/export');
  expect(exported.status).toBe(200);

  const alone = await nativeWorld();
  const other = await alone.profile('alone').open(alone.url);
  await ready(other);
  await restoreFlash(other, await exported.text());
  expect(await chatsOf(other)).toEqual(chats.map(loaded));
  expect(await other.getByTestId('folder').allTextContents()).toEqual(['Work']);
  expect(await other.evaluate(() => window.__app.models.getState().sources[0]?.setup.oaiKey)).toBe(
    'sk-made-up',
  );
  await openChat(other, chats[1]!.id);
  await expectImageShown(other, 320);
});

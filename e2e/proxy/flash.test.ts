// The app's own backup and restore, which go past its stores.
import { expect, test } from 'vitest';
import { saved } from '../harness/bridge';
import { appWrote, chatsOf, flashBackup, newChat, ready, restoreFlash, say } from '../harness/chat';
import { expectImageShown, expectSame } from '../harness/expectations';
import { writePicture } from '../harness/picture';
import { serverChats, serverStore, textsOf } from '../harness/server-state';
import { until } from '../harness/until';
import { world } from '../harness/world';

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

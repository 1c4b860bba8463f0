// Holdfast is put in front of an app that was used without it.
import { expect, test } from 'vitest';
import { moveData, saved } from '../harness/bridge';
import { appWrote, chatsOf, newChat, ready, say } from '../harness/chat';
import { expectImageShown, expectSame } from '../harness/expectations';
import { writePicture } from '../harness/picture';
import { serverChats, textsOf } from '../harness/server-state';
import { until } from '../harness/until';
import { world } from '../harness/world';
import type { Profile } from '../harness/browser';

async function useNatively(url: string, browser: Profile): Promise<void> {
  const page = await browser.open(url);
  await ready(page);
  await say(page, 'Written before TOK5', await writePicture(`${browser.directory}.png`));
  await newChat(page);
  await say(page, 'Also before TOK5');
  await page.getByTestId('folder-title').fill('Work');
  await page.getByTestId('folder-title').press('Enter');
  await appWrote(page);
}

test('the data of the browser is moved to an empty server when the user says so', async () => {
  const { holdfast, url, profile } = await world({ before: useNatively });
  const browser = profile('before');
  const page = await browser.open(url);
  await ready(page);
  const before = await chatsOf(page);
  expect(before).toHaveLength(2);
  expect(await serverChats(holdfast)).toEqual([]);
  await moveData(page, 'Move');
  await until('the server has the chats', async () => (await serverChats(holdfast)).length === 2);
  await ready(page);
  await expectSame(holdfast, page);
  await browser.wipe();
  const again = await browser.open(url);
  await ready(again);
  expect((await chatsOf(again)).map(textsOf)).toEqual(before.map(textsOf));
  await again.getByText('Written before').click();
  await expectImageShown(again, 320);
  expect(await again.getByTestId('folder').allTextContents()).toEqual(['Work']);
});

test('when both have data it asks, and merging keeps both', async () => {
  const { holdfast, url, profile } = await world({ before: useNatively });
  const other = await profile('other').open(url);
  await ready(other);
  await say(other, 'On the server TOK5');
  await saved(other);
  const page = await profile('before').open(url);
  await ready(page);
  expect((await serverChats(holdfast)).flatMap(textsOf)).not.toContain('Written before TOK5');
  await moveData(page, 'Merge');
  await until('the server has all chats', async () => (await serverChats(holdfast)).length === 3);
  await ready(page);
  await saved(page);
  await page.reload();
  await ready(page);
  expect(await page.getByTestId('chat').count()).toBe(3);
  expect((await chatsOf(page)).flatMap(textsOf)).toEqual(
    expect.arrayContaining(['Written before TOK5', 'Also before TOK5', 'On the server TOK5']),
  );
});

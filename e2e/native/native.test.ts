// The app on its own: what it promises, and what it loses.
import { expect, test } from 'vitest';
import {
  appWrote,
  ask,
  attach,
  chatsOf,
  flashBackup,
  imageIdsOf,
  loaded,
  newChat,
  ready,
  rename,
  restoreFlash,
  say,
  shownTexts,
  storedChatsOf,
} from '../harness/chat';
import { expectImageShown } from '../harness/expectations';
import { writePicture } from '../harness/picture';
import { textsOf } from '../harness/server-state';
import { until } from '../harness/until';
import { nativeWorld } from '../harness/world';

test('chats, an image and settings are there after a reload', async () => {
  const { url, profile } = await nativeWorld();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  await say(page, 'A picture TOK10', await writePicture(`${browser.directory}.png`));
  await rename(page, 'With a picture');
  await page.getByTestId('folder-title').fill('Work');
  await page.getByTestId('folder-title').press('Enter');
  await page.getByTestId('theme').click();
  await newChat(page);
  await say(page, 'Another chat TOK5');
  await appWrote(page);
  const before = await chatsOf(page);

  await page.reload();
  await ready(page);
  expect(await chatsOf(page)).toEqual(before.map(loaded));
  await page.getByText('With a picture').click();
  await expectImageShown(page, 320);
  expect(await page.getByTestId('folder').allTextContents()).toEqual(['Work']);
  expect(await page.evaluate(() => document.documentElement.dataset.mode)).toBe('dark');
  expect(await page.evaluate(() => window.__app.state.getState().usageCount)).toBe(2);
  expect(await page.evaluate(() => window.__app.metrics.getState().serviceMetrics.openai?.usageCount)).toBe(
    2,
  );
});

test('incognito chats and empty ones are not stored', async () => {
  const { url, profile } = await nativeWorld();
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'Kept TOK5');
  await page.getByTestId('new-incognito').click();
  await say(page, 'Secret TOK5');
  await newChat(page);
  await appWrote(page);
  expect((await storedChatsOf(page)).map((chat) => textsOf(chat)[0])).toEqual(['Kept TOK5']);
});

test('a tab that takes over loses what the first one wrote since', async () => {
  const { url, profile } = await nativeWorld();
  const browser = profile();
  const first = await browser.open(url);
  await ready(first);
  await say(first, 'one TOK5');
  await appWrote(first);
  const second = await browser.open(url);
  await second.getByTestId('transfer').waitFor();
  await say(first, 'two TOK5');
  await appWrote(first);
  await second.getByTestId('transfer').click();
  await ready(second);
  await first.waitForURL('**/closed.html');
  expect(await shownTexts(second)).not.toContain('two TOK5');
  await say(second, 'three TOK5');
  await appWrote(second);
  const texts = (await storedChatsOf(second)).flatMap(textsOf);
  expect(texts).toContain('three TOK5');
  expect(texts).not.toContain('two TOK5');
});

test('a waiting tab is promoted when the first one closes', async () => {
  const { url, profile } = await nativeWorld();
  const browser = profile();
  const first = await browser.open(url);
  await ready(first);
  const second = await browser.open(url);
  await second.getByTestId('transfer').waitFor();
  await first.close();
  await ready(second);
});

test('a tab that closes in the middle of an answer keeps the last checkpoint only', async () => {
  const { url, profile } = await nativeWorld();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  await ask(page, 'A long one TOK400');
  await until('a part of the answer is stored', async () => {
    const [, answer] = textsOf((await storedChatsOf(page))[0]);
    return !!answer;
  });
  const again = await browser.newPage();
  await page.close();
  await again.goto(url);
  await ready(again);
  const [, answer] = await shownTexts(again);
  expect(answer).toMatch(/^The quick/);
  expect((await chatsOf(again))[0]?.messages[1]).not.toHaveProperty('pendingIncomplete');
});

test('a flash backup brings everything back in another profile', async () => {
  const { url, profile } = await nativeWorld();
  const [a, b] = [profile('a'), profile('b')];
  const page = await a.open(url);
  await ready(page);
  await say(page, 'A picture TOK10', await writePicture(`${a.directory}.png`));
  await appWrote(page);
  const backup = await flashBackup(page);
  const other = await b.open(url);
  await ready(other);
  await restoreFlash(other, backup);
  expect(await chatsOf(other)).toEqual((await chatsOf(page)).map(loaded));
  await expectImageShown(other, 320);
});

test('images that no chat refers to are removed, drafts too', async () => {
  const { url, profile } = await nativeWorld();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  const picture = await writePicture(`${browser.directory}.png`);
  await say(page, 'Stays TOK3', picture);
  await newChat(page);
  await say(page, 'Goes TOK3', picture);
  await attach(page, picture);
  expect(await imageIdsOf(page)).toHaveLength(3);
  await page.getByTestId('delete').click();
  await until('the image of the deleted chat is gone', async () => (await imageIdsOf(page)).length === 2);
  await appWrote(page);
  await page.reload();
  await ready(page);
  await until('the draft is gone', async () => (await imageIdsOf(page)).length === 1);
  await expectImageShown(page, 320);
});

// What one browser wrote is on the server, and in the next browser.
import { expect, test } from 'vitest';
import { saved } from '../harness/bridge';
import {
  ask,
  answered,
  attach,
  chatsOf,
  loaded,
  newChat,
  ready,
  rename,
  say,
  shownTexts,
} from '../harness/chat';
import { expectImageShown, expectSame } from '../harness/expectations';
import { writePicture } from '../harness/picture';
import {
  putStore,
  serverAssetIds,
  serverChats,
  serverDocument,
  serverStore,
  textsOf,
} from '../harness/server-state';
import { until } from '../harness/until';
import { world } from '../harness/world';

test('everything comes back into a wiped profile', async () => {
  const { holdfast, url, profile, path } = await world();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  await say(page, 'A picture TOK10', await writePicture(`${path}/picture.png`));
  await rename(page, 'With a picture');
  await page.getByTestId('folder-title').fill('Work');
  await page.getByTestId('folder-title').press('Enter');
  await page.evaluate(() => window.__app.addService('sk-made-up'));
  await newChat(page);
  await say(page, 'Another chat TOK5');
  await page.getByTestId('archive').click();
  await saved(page);
  await expectSame(holdfast, page);
  const before = await chatsOf(page);
  expect(await serverAssetIds(holdfast)).toHaveLength(1);

  await browser.wipe();
  const again = await browser.open(url);
  await ready(again);
  expect(await chatsOf(again)).toEqual(before.map(loaded));
  await again.getByText('With a picture').click();
  await expectImageShown(again, 320);
  expect(await again.getByTestId('folder').allTextContents()).toEqual(['Work']);
  expect(await again.evaluate(() => window.__app.models.getState().sources[0]?.setup.oaiKey)).toBe(
    'sk-made-up',
  );
  expect(await again.evaluate(() => window.__app.metrics.getState().serviceMetrics.openai?.usageCount)).toBe(
    2,
  );
});

test('each of the things that a user does reaches the server', async () => {
  const { holdfast, url, profile } = await world();
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'First TOK30');
  await expectSame(holdfast, page);
  await page.getByTestId('star').last().click();
  await expectSame(holdfast, page);
  await page.getByTestId('edit').first().click();
  await page.getByTestId('edit-text').fill('First, edited');
  await page.getByTestId('save').click();
  await expectSame(holdfast, page);
  await rename(page, 'Renamed');
  await expectSame(holdfast, page);
  await newChat(page);
  await say(page, 'Second TOK5');
  await expectSame(holdfast, page);
  await page.reload();
  await ready(page);
  await say(page, 'After a reload TOK5');
  await expectSame(holdfast, page);
  await page.getByTestId('delete').click();
  await expectSame(holdfast, page);
  expect((await serverChats(holdfast)).map((chat) => chat.userTitle)).toEqual(['Renamed']);
});

test('an answer is on the server while it is still being streamed', async () => {
  const { holdfast, url, profile } = await world();
  const page = await profile().open(url);
  await ready(page);
  await ask(page, 'A long one TOK300');
  await until('a part of the answer is on the server', async () => {
    const [, answer] = (await serverChats(holdfast))[0]?.messages ?? [];
    return answer?.pendingIncomplete && textsOf((await serverChats(holdfast))[0])[1];
  });
  await answered(page);
  await expectSame(holdfast, page);
});

test('incognito chats never reach the server', async () => {
  const { holdfast, url, profile } = await world();
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'Kept TOK5');
  await page.getByTestId('new-incognito').click();
  await say(page, 'Secret TOK5');
  await saved(page);
  expect(JSON.stringify(await serverChats(holdfast))).not.toContain('Secret');
});

test('a draft that is never sent costs nothing in the next browser', async () => {
  const { holdfast, url, profile, path } = await world();
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'Without a picture TOK5');
  await attach(page, await writePicture(`${path}/picture.png`));
  await saved(page);
  await page.reload();
  await ready(page);
  await until('the draft is gone from the server', async () => (await serverAssetIds(holdfast)).length === 0);
});

test('theme and open panes stay per device, and a new device starts from the latest', async () => {
  const { holdfast, url, profile } = await world();
  const [a, b] = [await profile('a').open(url), await profile('b').open(url)];
  await ready(a);
  await ready(b);
  await say(a, 'One TOK5');
  await a.getByTestId('theme').click();
  await saved(a);
  await b.reload();
  await ready(b);
  await say(b, 'Two TOK5');
  await saved(b);
  await a.reload();
  await ready(a);
  const mode = () => document.documentElement.dataset.mode;
  expect(await a.evaluate(mode)).toBe('dark');
  expect(await b.evaluate(mode)).toBe('light');
  expect(await serverStore(holdfast, 'joy-mode')).toBeNull();
  await a.getByTestId('theme').click();
  await a.getByTestId('theme').click();
  await saved(a);
  const c = await profile('c').open(url);
  await ready(c);
  expect(await c.evaluate(mode)).toBe('dark');
  expect(await c.evaluate(() => localStorage.getItem('agi-logger-log'))).toBeNull();
});

test('a store of a newer version is handed back untouched', async () => {
  const { holdfast, url, profile } = await world();
  const folders = { folders: [], enableFolders: false, addedLater: { order: [3, 1, 2] } };
  await putStore(holdfast, 'app-folders', folders, 7);
  await putStore(holdfast, 'app-of-the-future', { anything: null }, 9);
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'Hello TOK5');
  await saved(page);
  const kept = await page.evaluate(() => localStorage.getItem('app-folders'));
  expect(JSON.parse(kept ?? 'null')).toEqual({ state: folders, version: 7 });
  expect(await page.evaluate(() => localStorage.getItem('app-of-the-future'))).toBe(
    '{"state":{"anything":null},"version":9}',
  );
  expect(await serverDocument(holdfast, 'app-folders')).toMatchObject({ data: folders, version: 7 });
  expect(await serverDocument(holdfast, 'app-of-the-future')).toMatchObject({
    data: { anything: null },
    version: 9,
  });
  expect(await shownTexts(page)).toContain('Hello TOK5');
});

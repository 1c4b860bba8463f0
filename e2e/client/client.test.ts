// The app built with the client package: its stores are not edited, only an alias leads to Holdfast.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import {
  answered,
  ask,
  chatsOf,
  newChat,
  openChat,
  openChatId,
  say,
  shownTexts,
  storedChatsOf,
} from '../harness/chat';
import { serverChats, serverStore, textsOf } from '../harness/server-state';
import { until } from '../harness/until';
import { clientWorld } from '../harness/world';

test('chats are on the server, and back in an empty browser', async () => {
  const { holdfast, profile, open } = await clientWorld();
  const browser = profile();
  const page = await open(browser);
  await say(page, 'Hello TOK20');
  const texts = textsOf((await chatsOf(page))[0]);
  await until('the whole answer is on the server', async () => {
    const [chat] = await serverChats(holdfast);
    return JSON.stringify(textsOf(chat)) === JSON.stringify(texts);
  });
  // The app's own storage was read once, for chats from before, and never written.
  expect(await storedChatsOf(page)).toEqual([]);
  await browser.wipe();
  const again = await open(browser);
  await until('the chat is shown', async () => (await shownTexts(again)).includes('Hello TOK20'));
});

test('the whole answer is on the server though that was killed while it streamed', async () => {
  const { holdfast, profile, open } = await clientWorld();
  const page = await open(profile());
  await ask(page, 'A long one TOK300');
  await until('a part is on the server', async () => textsOf((await serverChats(holdfast))[0])[1]);
  await holdfast.kill();
  await answered(page);
  const texts = textsOf((await chatsOf(page))[0]);
  expect(texts[1]?.length).toBeGreaterThan(1000);
  await holdfast.launch();
  await until('the whole answer is on the server', async () => {
    const [chat] = await serverChats(holdfast);
    return JSON.stringify(textsOf(chat)) === JSON.stringify(texts);
  });
});

test('what one browser writes appears in another that is open, without a reload', async () => {
  const { profile, open } = await clientWorld();
  const a = await open(profile('a'));
  await say(a, 'From A TOK5');
  const b = await open(profile('b'));
  const id = await openChatId(a);
  await until(
    'B has the chat',
    async () => (await b.locator(`[data-testid=chat][data-id="${id}"]`).count()) > 0,
  );
  await openChat(b, id);
  await say(a, 'More from A TOK5');
  await sameTexts(a, b);
  await say(b, 'From B TOK5');
  await sameTexts(a, b);
  expect(await shownTexts(a)).toEqual(
    expect.arrayContaining(['From A TOK5', 'More from A TOK5', 'From B TOK5']),
  );
  expect(await shownTexts(a)).toHaveLength(6);
});

async function sameTexts(a: Page, b: Page): Promise<void> {
  await until('both show the same', async () => {
    await answered(b);
    return JSON.stringify(await shownTexts(a)) === JSON.stringify(await shownTexts(b));
  });
}

test('settings are there before the first store module runs: the start counter counts on', async () => {
  const { holdfast, profile, open } = await clientWorld();
  const browser = profile();
  const page = await open(browser);
  await newChat(page);
  const count = () =>
    page.evaluate(
      () => JSON.parse(localStorage.getItem('app-state') ?? '{}') as { state: { usageCount: number } },
    );
  expect((await count()).state.usageCount).toBe(1);
  await page.reload();
  await until('it counted on', async () => (await count()).state.usageCount === 2);
  await until(
    'the folders store is on the server',
    async () => (await serverStore(holdfast, 'app-ui')) !== undefined,
  );
});

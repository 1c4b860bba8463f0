// The tab is closed right after the app has written.
import { expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { saved } from '../harness/bridge';
import { openChatId, ready, say } from '../harness/chat';
import type { Holdfast } from '../harness/holdfast';
import { serverChats, textsOf } from '../harness/server-state';
import { until } from '../harness/until';
import { world } from '../harness/world';

/** Adds a message of `size` characters, lets the app write it, and closes the tab 50 ms later. */
async function writeAndClose(page: Page, text: string): Promise<void> {
  const id = await openChatId(page);
  await page.evaluate(
    async ({ id, text }) => {
      const { scheduler, chats } = window.__app;
      const writes = scheduler.writes;
      chats.getState().append(id, {
        id: 'the-last-message',
        role: 'user',
        fragments: [{ ft: 'content', fId: 'last-one', part: { pt: 'text', text } }],
        tokenCount: 0,
        created: 1,
        updated: null,
      });
      const frame = () => new Promise((next) => setTimeout(next, 1));
      while (scheduler.writes === writes) await frame();
      await new Promise((next) => setTimeout(next, 50)); // not a wait: it is what the scenario is about
    },
    { id, text },
  );
  await page.close();
}

function lastText(holdfast: Holdfast): Promise<string | undefined> {
  return serverChats(holdfast).then((chats) => textsOf(chats[0]).at(-1));
}

test('a pending 50 kB is on the server', async () => {
  const { holdfast, url, profile } = await world();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  await say(page, 'Hello TOK5');
  await saved(page);
  const text = 'fifty '.repeat(50_000 / 6);
  await browser.newPage(); // keeps the browser open
  await writeAndClose(page, text);
  await until('the message is on the server', async () => (await lastText(holdfast)) === text);
});

test('a pending 200 kB is on the server after the next visit', async () => {
  const { holdfast, url, profile } = await world();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  await say(page, 'Hello TOK5');
  await saved(page);
  const text = 'two hundred '.repeat(200_000 / 12);
  const other = await browser.newPage();
  await writeAndClose(page, text);
  await other.goto(url);
  await ready(other);
  await until('the message is on the server', async () => (await lastText(holdfast)) === text);
  await saved(other);
  expect(await other.getByTestId('message').count()).toBe(3);
});

test('the same when the whole browser is closed', async () => {
  const { holdfast, url, profile } = await world();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  await say(page, 'Hello TOK5');
  await saved(page);
  await writeAndClose(page, 'The last words');
  await browser.close();
  const again = await browser.open(url);
  await ready(again);
  await until('the message is on the server', async () => (await lastText(holdfast)) === 'The last words');
  await saved(again);
  expect(await again.getByTestId('message').count()).toBe(3);
});

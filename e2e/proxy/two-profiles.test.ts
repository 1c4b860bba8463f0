// Two browsers on one server, each with what it loaded some time ago.
import { expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { saved } from '../harness/bridge';
import {
  editMessage,
  imageIdsOf,
  newChat,
  openChat,
  openChatId,
  ready,
  say,
  shownTexts,
} from '../harness/chat';
import { expectImageShown } from '../harness/expectations';
import { writePicture } from '../harness/picture';
import { serverAssetIds, serverChats, serverStore, textsOf } from '../harness/server-state';
import { world } from '../harness/world';

/** Two browsers that have loaded the same two chats; `first` and `second` are their ids. */
async function twoBrowsers() {
  const { profile, ...rest } = await world();
  const a = await profile('a').open(rest.url);
  await ready(a);
  const first = await openChatId(a);
  await say(a, 'Common one TOK5');
  const second = await newChat(a);
  await say(a, 'Common two TOK5');
  await saved(a);
  const b = await profile('b').open(rest.url);
  await ready(b);
  expect(await b.getByTestId('chat').count()).toBe(2);
  return { ...rest, profile, a, b, first, second };
}

async function reload(...pages: Page[]): Promise<void> {
  for (const page of pages) {
    await page.reload();
    await ready(page);
  }
}

async function sayIn(page: Page, chat: string, text: string): Promise<void> {
  await openChat(page, chat);
  await say(page, text);
  await saved(page);
}

test('edits of different chats are all kept', async () => {
  const { holdfast, a, b, first, second } = await twoBrowsers();
  await sayIn(a, first, 'From A TOK5');
  await sayIn(b, second, 'From B TOK5');
  const chats = await serverChats(holdfast);
  expect(textsOf(chats.find(({ id }) => id === first))).toContain('From A TOK5');
  expect(textsOf(chats.find(({ id }) => id === second))).toContain('From B TOK5');
  await reload(a, b);
  for (const page of [a, b]) {
    await openChat(page, first);
    expect(await shownTexts(page)).toContain('From A TOK5');
    await openChat(page, second);
    expect(await shownTexts(page)).toContain('From B TOK5');
  }
});

test('messages that both add to one chat are all kept', async () => {
  const { holdfast, a, b, first } = await twoBrowsers();
  await sayIn(a, first, 'From A TOK5');
  await sayIn(b, first, 'From B TOK5');
  const texts = textsOf((await serverChats(holdfast)).find(({ id }) => id === first));
  expect(texts).toHaveLength(6);
  expect(texts).toEqual(expect.arrayContaining(['Common one TOK5', 'From A TOK5', 'From B TOK5']));
  await reload(a, b);
  for (const page of [a, b]) {
    await openChat(page, first);
    expect(await shownTexts(page)).toEqual(texts);
  }
});

test('two texts of one message are both kept, one beside the other', async () => {
  const { holdfast, a, b, first } = await twoBrowsers();
  await openChat(a, first);
  await openChat(b, first);
  const message = (await a.getByTestId('message').first().getAttribute('data-id'))!;
  await editMessage(a, message, 'Text of A');
  await saved(a);
  await editMessage(b, message, 'Text of B');
  await saved(b);
  // What the running app still writes to that message belongs to the text of B.
  await editMessage(b, message, 'Text of B, again');
  await saved(b);
  const chat = (await serverChats(holdfast)).find(({ id }) => id === first)!;
  expect(textsOf(chat).slice(0, 2)).toEqual(['Text of A', 'Text of B, again']);
  expect(chat.messages).toHaveLength(3);
  expect(chat.messages[0]!.id).toBe(message);
  await reload(a, b);
  for (const page of [a, b]) {
    await openChat(page, first);
    expect(await shownTexts(page)).toEqual(textsOf(chat));
  }
});

test('a chat that one has deleted does not come back from the other', async () => {
  const { holdfast, a, b, first, second } = await twoBrowsers();
  await openChat(a, first);
  await a.getByTestId('delete').click();
  await saved(a);
  await sayIn(b, second, 'From B TOK5');
  expect((await serverChats(holdfast)).map(({ id }) => id)).toEqual([second]);
  await reload(b, a);
  expect(await b.getByTestId('chat').count()).toBe(1);
  expect(await a.getByTestId('chat').count()).toBe(1);
});

test('a chat is kept when one deletes it after the other has gone on with it', async () => {
  const { holdfast, a, b, first } = await twoBrowsers();
  await sayIn(b, first, 'From B TOK5');
  await openChat(a, first);
  await a.getByTestId('delete').click();
  await saved(a);
  const kept = (await serverChats(holdfast)).find(({ id }) => id === first);
  expect(textsOf(kept)).toContain('From B TOK5');
  await reload(a);
  expect(await a.getByTestId('chat').count()).toBe(2);
});

test('a chat is kept when one goes on with it after the other has deleted it', async () => {
  const { holdfast, a, b, first } = await twoBrowsers();
  await openChat(a, first);
  await a.getByTestId('delete').click();
  await saved(a);
  await sayIn(b, first, 'From B TOK5');
  const kept = (await serverChats(holdfast)).find(({ id }) => id === first);
  expect(textsOf(kept)).toEqual(expect.arrayContaining(['Common one TOK5', 'From B TOK5']));
  await reload(a);
  expect(await a.getByTestId('chat').count()).toBe(2);
});

test('a new chat of one survives what the other writes', async () => {
  const { holdfast, a, b, first, second } = await twoBrowsers();
  const third = await newChat(a);
  await say(a, 'Only A knows TOK5');
  await saved(a);
  await sayIn(b, first, 'From B TOK5');
  expect((await serverChats(holdfast)).map(({ id }) => id)).toEqual([third, second, first]);
  await reload(b);
  expect(await b.getByTestId('chat').count()).toBe(3);
});

test('an image of one is not removed by the other, which does not know its chat', async () => {
  const { holdfast, profile, url, path, a, b, first } = await twoBrowsers();
  const picture = await writePicture(`${path}/picture.png`);
  await openChat(a, first);
  await say(a, 'First picture TOK5', picture);
  await saved(a);
  await reload(b);
  const third = await newChat(a);
  await say(a, 'Only A knows TOK5', picture);
  await saved(a);
  // B removes the chat that it has with an image; its app collects what it takes for unused.
  await openChat(b, first);
  await b.getByTestId('delete').click();
  await saved(b);
  await reload(b);
  const c = await profile('c').open(url);
  await ready(c);
  await openChat(c, third);
  await expectImageShown(c, 320);
  await openChat(b, third);
  await expectImageShown(b, 320);
  expect(await serverAssetIds(holdfast)).toEqual(expect.arrayContaining(await imageIdsOf(c)));
});

test('what both spent is added up', async () => {
  const { holdfast, a, b, first } = await twoBrowsers();
  await sayIn(a, first, 'From A TOK7');
  await sayIn(b, first, 'From B TOK9');
  const metrics = await serverStore<{
    serviceMetrics: Record<string, { usageCount: number; totalOutputTokens: number }>;
  }>(holdfast, 'app-metrics');
  expect(metrics?.serviceMetrics.openai).toMatchObject({ usageCount: 4, totalOutputTokens: 26 });
  await reload(a);
  expect(await a.evaluate(() => window.__app.metrics.getState().serviceMetrics.openai?.usageCount)).toBe(4);
});

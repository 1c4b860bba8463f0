// The server goes away, and comes back.
import { expect, test } from 'vitest';
import { saved, statusIs } from '../harness/bridge';
import { answered, appWrote, ask, chatsOf, newChat, ready, say, shownTexts } from '../harness/chat';
import { expectSame } from '../harness/expectations';
import { serverChats, textsOf } from '../harness/server-state';
import { until } from '../harness/until';
import { frontOf, world } from '../harness/world';

test('what the app kept of an answer is on the server after it was killed and came back', async () => {
  const { holdfast, url, profile } = await world();
  const page = await profile().open(url);
  await ready(page);
  await ask(page, 'A long one TOK400');
  await until(
    'a part of the answer is on the server',
    async () => textsOf((await serverChats(holdfast))[0])[1],
  );
  await holdfast.kill();
  await answered(page); // the stream went through the proxy: it ends with an error in the message
  await newChat(page);
  await ask(page, 'While it was away TOK5');
  await appWrote(page);
  await statusIs(page, 'offline');
  await holdfast.launch();
  await expectSame(holdfast, page);
  const chats = await chatsOf(page);
  await page.reload();
  await ready(page);
  expect((await chatsOf(page)).map(textsOf)).toEqual(chats.map(textsOf));
});

test('the app starts from its cache, and its edits arrive later', async () => {
  const { holdfast, profile } = await world();
  const front = await frontOf(holdfast);
  const page = await profile().open(front.url);
  await ready(page);
  await say(page, 'Before TOK5');
  await saved(page);
  front.refuseApi();
  await page.reload();
  await ready(page);
  expect(await shownTexts(page)).toContain('Before TOK5');
  await say(page, 'While it was away TOK5');
  await appWrote(page);
  await statusIs(page, 'offline');
  front.allowAll();
  await expectSame(holdfast, page);
  expect(textsOf((await serverChats(holdfast))[0])).toContain('While it was away TOK5');
});

test('edits without a server arrive at the next visit, when the tab was closed in between', async () => {
  const { holdfast, profile } = await world();
  const front = await frontOf(holdfast);
  const [a, b] = [profile('a'), profile('b')];
  const page = await a.open(front.url);
  await ready(page);
  await say(page, 'Before TOK5');
  await saved(page);
  front.refuseApi();
  await page.reload();
  await ready(page);
  await say(page, 'While it was away TOK5');
  await newChat(page);
  await say(page, 'A new one TOK5');
  await appWrote(page);
  await a.close();
  // Meanwhile another browser works with the same chats, past the front.
  const other = await b.open(holdfast.app);
  await ready(other);
  await say(other, 'From B TOK5');
  await saved(other);
  front.allowAll();
  const again = await a.open(front.url);
  await ready(again);
  await until('all edits are on the server', async () => {
    const texts = (await serverChats(holdfast)).flatMap(textsOf);
    return ['While it was away TOK5', 'A new one TOK5', 'From B TOK5'].every((text) => texts.includes(text));
  });
  await saved(again);
  await again.reload();
  await ready(again);
  await expectSame(holdfast, again);
});

test('a delete without a server arrives later', async () => {
  const { holdfast, profile } = await world();
  const front = await frontOf(holdfast);
  const browser = profile();
  const page = await browser.open(front.url);
  await ready(page);
  await say(page, 'Stays TOK5');
  await newChat(page);
  await say(page, 'Goes TOK5');
  await saved(page);
  front.refuseApi();
  await page.getByTestId('delete').click();
  await appWrote(page);
  await statusIs(page, 'offline');
  await browser.close();
  front.allowAll();
  const again = await browser.open(front.url);
  await ready(again);
  await until('one chat is left', async () => (await serverChats(holdfast)).length === 1);
  await expectSame(holdfast, again);
  expect(await again.getByTestId('chat').count()).toBe(1);
});

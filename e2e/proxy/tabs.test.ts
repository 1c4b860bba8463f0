// Two tabs of one browser: one works, the other takes over. On its own the app loses messages here.
import { expect, test } from 'vitest';
import { saved } from '../harness/bridge';
import { ready, say, shownTexts } from '../harness/chat';
import { expectSame } from '../harness/expectations';
import { serverChats, textsOf } from '../harness/server-state';
import { world } from '../harness/world';

test('a tab that takes over has what the first one wrote', async () => {
  const { holdfast, url, profile } = await world();
  const browser = profile();
  const first = await browser.open(url);
  await ready(first);
  await say(first, 'one TOK5');
  await saved(first);
  const second = await browser.open(url);
  await second.getByTestId('transfer').waitFor();
  await say(first, 'two TOK5');
  await saved(first);
  await second.getByTestId('transfer').click();
  await ready(second);
  await first.waitForURL('**/closed.html');
  expect(await shownTexts(second)).toContain('two TOK5');
  await say(second, 'three TOK5');
  await expectSame(holdfast, second);
  const texts = (await serverChats(holdfast)).flatMap(textsOf);
  expect(texts).toEqual(expect.arrayContaining(['one TOK5', 'two TOK5', 'three TOK5']));
});

test('a tab that is promoted when the first one closes has what that one wrote', async () => {
  const { holdfast, url, profile } = await world();
  const browser = profile();
  const first = await browser.open(url);
  await ready(first);
  await say(first, 'one TOK5');
  const second = await browser.open(url);
  await second.getByTestId('transfer').waitFor();
  await say(first, 'two TOK5');
  await saved(first);
  await first.close();
  await ready(second);
  expect(await shownTexts(second)).toContain('two TOK5');
  await say(second, 'three TOK5');
  await expectSame(holdfast, second);
  expect((await serverChats(holdfast)).flatMap(textsOf)).toHaveLength(6);
});

// localStorage is full.
import { expect, test } from 'vitest';
import { saved } from '../harness/bridge';
import { ready, say, shownTexts } from '../harness/chat';
import { serverChats, serverDocument, textsOf } from '../harness/server-state';
import { world } from '../harness/world';

test('the app starts, chats are saved, and no store on the server is replaced by defaults', async () => {
  const { holdfast, url, profile } = await world();
  const a = await profile('a').open(url);
  await ready(a);
  await say(a, 'Hello TOK5');
  await a.evaluate(() =>
    window.__app.folders.setState({
      folders: [
        {
          id: 'large',
          title: 'Large',
          conversationIds: Array.from({ length: 20_000 }, (_, index) => `chat-${index}`),
        },
      ],
      enableFolders: true,
    }),
  );
  await saved(a);
  const folders = await serverDocument(holdfast, 'app-folders');

  const browser = profile('b');
  const filler = await browser.open(`${url}/closed.html`);
  await filler.evaluate(() => {
    let chunk = 'x'.repeat(1 << 20);
    for (let index = 0; chunk.length > 1024; index++) {
      try {
        localStorage.setItem(`filler-${index}`, chunk);
      } catch {
        chunk = chunk.slice(chunk.length / 2);
      }
    }
  });
  const b = await browser.open(url);
  await ready(b);
  expect(await shownTexts(b)).toContain('Hello TOK5');
  await say(b, 'Into a full browser TOK5').catch(() => undefined); // the app's own counters no longer fit
  await saved(b);
  expect((await serverChats(holdfast)).flatMap(textsOf)).toContain('Into a full browser TOK5');
  expect(await serverDocument(holdfast, 'app-folders')).toEqual(folders);
});

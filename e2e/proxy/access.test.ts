// Who can reach what: other origins, tokens, policies, pages that are not the app's.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { saved } from '../harness/bridge';
import { ready, say } from '../harness/chat';
import { expectSame } from '../harness/expectations';
import { serverChats, textsOf } from '../harness/server-state';
import { world } from '../harness/world';

async function foreignPage(): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>Another site</title>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a page of another origin reads nothing and writes nothing', async () => {
  const { holdfast, url, profile } = await world();
  const browser = profile();
  const page = await browser.open(url);
  await ready(page);
  await say(page, 'A secret TOK5');
  await saved(page);
  const before = await serverChats(holdfast);
  const foreign = await browser.open(await foreignPage());
  for (const address of [`${url}/_holdfast/api/chats`, `${holdfast.api}/api/chats`]) {
    const seen = await foreign.evaluate(readAllWays, address);
    expect(JSON.stringify(seen)).not.toContain('secret');
    expect(seen).toEqual({ fetched: ['refused', 'refused'], opaque: '', script: 'failed' });
    await foreign.evaluate(
      (target) =>
        fetch(target, { method: 'POST', mode: 'no-cors', body: '{"id":"planted","messages":[]}' }).catch(
          () => null,
        ),
      address,
    );
  }
  expect(await serverChats(holdfast)).toEqual(before);
});

async function readAllWays(address: string) {
  const read = (init: RequestInit) =>
    fetch(address, init).then(
      (answer) => answer.text(),
      () => 'refused',
    );
  const fetched = [await read({ credentials: 'omit' }), await read({ credentials: 'include' })];
  const opaque = await read({ mode: 'no-cors', credentials: 'include' });
  const script = await new Promise<string>((resolve) => {
    const element = document.createElement('script');
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('failed');
    element.src = address;
    document.head.append(element);
  });
  return { fetched, opaque, script };
}

test('with a token there is a login, and the app works behind it', async () => {
  const { holdfast, url, profile } = await world({ token: 'correct-horse' });
  const browser = profile();
  const page = await browser.open(url);
  const field = page.locator('input[type=password]');
  await field.waitFor();
  await field.fill('wrong');
  await field.press('Enter');
  await field.waitFor();
  expect(await page.getByTestId('composer').count()).toBe(0);
  await field.fill('correct-horse');
  await field.press('Enter');
  await ready(page);
  await say(page, 'Behind a login TOK5');
  await expectSame(holdfast, page);
  const cookies = await page.context().cookies();
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({ httpOnly: true });
  expect(JSON.stringify(cookies)).not.toContain('correct-horse');
  const upstream = await page.evaluate(() => fetch('/api/echo').then((answer) => answer.text()));
  expect(upstream).not.toContain(cookies[0]!.value);
  expect(upstream).not.toContain('correct-horse');
  await page.reload();
  await ready(page);
  expect((await fetch(`${url}/_holdfast/api/chats`)).status).toBe(401);
});

test('it works where the page is no secure context', async () => {
  const host = 'holdfast.test';
  const { holdfast, url, profile } = await world({ host });
  const browser = profile('a', [`--host-resolver-rules=MAP ${host} 127.0.0.1`]);
  const page = await browser.open(url);
  await ready(page);
  expect(await page.evaluate(() => [isSecureContext, 'locks' in navigator, !!crypto.subtle])).toEqual([
    false,
    false,
    false,
  ]);
  await say(page, 'Without locks TOK5');
  await expectSame(holdfast, page);
  await page.reload();
  await ready(page);
  await say(page, 'Again TOK5');
  await expectSame(holdfast, page);
  await browser.wipe();
  const again = await browser.open(url);
  await ready(again);
  expect((await serverChats(holdfast)).flatMap(textsOf)).toContain('Again TOK5');
  expect(await again.getByTestId('message').count()).toBe(4);
});

test.each([
  [
    "script-src 'self'",
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:",
  ],
  [
    'script-src without self',
    "script-src 'nonce-abc' 'unsafe-inline' http://127.0.0.1:*; img-src 'self' data: blob:",
  ],
])('it works under a content security policy with %s', async (_, CSP) => {
  const { holdfast, url, profile } = await world({ appEnv: { CSP } });
  const page = await profile().open(url);
  await ready(page);
  await say(page, 'Under a policy TOK5');
  await expectSame(holdfast, page);
});

test("what is not the app's page passes through as it is", async () => {
  const { url } = await world();
  const closed = await fetch(`${url}/closed.html`);
  expect(await closed.text()).not.toContain('/_holdfast/');
  const page = await fetch(url, { headers: { accept: 'text/html' } });
  const html = await page.text();
  expect(html).toMatch(/<head>\s*<script[^>]* src="?\/_holdfast\/bridge\.js/);
  expect(page.headers.get('etag')).toBeNull();
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)![1]!;
  const asset = await fetch(url + script);
  expect(asset.headers.get('etag')).toMatch(/^"/);
  const again = await fetch(url + script, { headers: { 'if-none-match': asset.headers.get('etag')! } });
  expect(again.status).toBe(304);
});

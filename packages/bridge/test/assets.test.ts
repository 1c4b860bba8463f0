import { expect, test } from 'vitest';

import { until } from '../../client/test/server.js';
import { asset, chat, deleteAsset, getAsset, imageRef, putAsset, type Chat } from './app.js';
import { Browser } from './browser.js';
import { session } from './session.js';

const s = session();

const stored = async (id: string) => (await s.other.send('GET', `/api/assets/${id}`))['asset'];

function chatWith(id: string): Chat {
  const made = chat('a', ['look']);
  made.messages[0]?.fragments.push(imageRef(id) as never);
  return made;
}

test('an image is on the server when its message is sent, and its drafts are not', async () => {
  await s.start();
  await putAsset(asset('img', 'attachment-drafts'));
  expect(s.page.handle.pending).toBe(0);
  await putAsset(asset('img'));
  await s.saved();
  expect(await stored('img')).toMatchObject({ id: 'img', createdAt: '2023-11-14T22:13:20.000Z' });
  expect(s.page.sent.filter((r) => r.path.includes('/assets/img')).length).toBe(1);
});

test('another browser gets the image, with real dates, when the app asks for it', async () => {
  const app = await s.start();
  await putAsset(asset('img'));
  app.chats = [chatWith('img')];
  await app.save();
  await s.saved();
  await s.start(new Browser(s.server.url));
  const found = await getAsset('img');
  expect(found?.['createdAt']).toEqual(new Date(1_700_000_000_000));
  expect(found).toEqual(asset('img'));
  expect(await getAsset('absent')).toBeUndefined();
});

test('images of chats that came from the server are fetched before anyone asks', async () => {
  const app = await s.start();
  await putAsset(asset('img'));
  app.chats = [chatWith('img')];
  await app.save();
  await s.saved();
  const other = new Browser(s.server.url);
  await s.start(other);
  await until(() => s.page.sent.some((r) => r.path.endsWith('/assets/img')));
  await until(async () => {
    other.isOnline = false;
    const found = await getAsset('img');
    other.isOnline = true;
    return found;
  });
});

test('the app’s clean-up deletes no image that a chat on the server shows (pitfall 5)', async () => {
  const app = await s.start();
  await putAsset(asset('img'));
  await putAsset(asset('lone'));
  app.chats = [chatWith('img')];
  await app.save();
  await s.saved();
  await deleteAsset('img');
  await deleteAsset('lone');
  await s.saved();
  expect(await stored('img')).toBeDefined();
  expect(await stored('lone')).toBeUndefined();
  expect(await getAsset('img')).toEqual(asset('img'));
});

test('an image larger than a closing page may send arrives at the next visit (pitfall 3)', async () => {
  await s.start();
  s.browser.isOnline = false;
  const large = { ...asset('large'), data: { mimeType: 'image/png', base64: 'A'.repeat(240_000) } };
  await putAsset(large);
  await until(() => s.page.handle.status === 'offline');
  s.browser.isOnline = true;
  const before = s.page.sent.length;
  s.leave('hide');
  expect(before).toBeGreaterThan(0);
  expect(await stored('large')).toBeUndefined();
  await s.start();
  await s.saved();
  expect(await stored('large')).toMatchObject({ id: 'large' });
});

test('a closing page sends what is small with a request that outlives it (pitfall 3)', async () => {
  const app = await s.start();
  s.browser.isOnline = false;
  app.chats = [chat('a', ['last words'])];
  await app.save();
  await until(() => s.page.handle.status === 'offline');
  const { page } = s;
  page.hide();
  expect(page.sent.at(-1)).toMatchObject({ path: '/_holdfast/api/batch', keepalive: true });
});

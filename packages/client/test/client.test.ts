import { afterAll, beforeAll, expect, test } from 'vitest';

import { createClient, HoldfastError, Unreachable, type Client } from '../src/index.js';
import { startServer, type TestServer } from './server.js';

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startServer();
  client = createClient({ url: server.url, clientId: 'laptop' });
});
afterAll(() => server.close());

test('every operation is a method with the types of the API', async () => {
  const conversation = { id: 'a/b', messages: [], created: 1, updated: null };
  const { revision } = await client.putChat({ path: { id: 'a/b' }, body: { conversation } });
  const found = await client.getChat({ path: { id: 'a/b' } });
  expect(found.conversation).toEqual(conversation);
  expect(found.revision).toBe(revision);
  const page = await client.listChats({ query: { view: 'summary', limit: 10 } });
  expect('nextCursor' in page && page.nextCursor).toBe(null);
});

test('a patch is a list or an object', async () => {
  await client.putChat({ path: { id: 'p' }, body: { conversation: { id: 'p', messages: [] } } });
  await client.patchChat({ path: { id: 'p' }, body: { userTitle: 'merged' } });
  const op = { op: 'add', path: '/updated', value: null };
  const { conversation } = await client.patchChat({ path: { id: 'p' }, body: [op] });
  expect(conversation).toMatchObject({ userTitle: 'merged', updated: null });
});

test('a refusal is an error with a code, a hint and the id of the request', async () => {
  const refused = client.getChat({ path: { id: 'absent' } });
  await expect(refused).rejects.toThrow(HoldfastError);
  await expect(refused).rejects.toMatchObject({ status: 404, code: 'conversation_not_found' });
  const error = await refused.catch((e: unknown) => e as HoldfastError);
  expect(error).toHaveProperty('requestId', expect.any(String));
  expect(error).toHaveProperty('body.success', false);
});

test('a precondition goes into the headers', async () => {
  const create = { path: { id: 'once' }, body: { conversation: { id: 'once', messages: [] } } };
  await client.putChat(create);
  const headers = { 'if-none-match': '*' };
  const body = { conversation: { id: 'once', messages: [{ id: 'm' }] } };
  await expect(client.putChat({ ...create, body, headers })).rejects.toMatchObject({
    code: 'revision_conflict',
    body: { current: { id: 'once' } },
  });
});

test('bytes go and come as bytes', async () => {
  const record = { id: 'i', data: { mimeType: 'image/png', base64: btoa('old') }, metadata: {} };
  await client.putAsset({ path: { id: 'i' }, body: record });
  const headers = { 'content-type': 'image/png' };
  await client.putAssetData({ path: { id: 'i' }, body: new Uint8Array([1, 2, 3]), headers });
  const data = await client.getAssetData({ path: { id: 'i' } });
  expect(new Uint8Array(await data.arrayBuffer())).toEqual(new Uint8Array([1, 2, 3]));
});

test('a server that is away is unreachable', async () => {
  const nowhere = createClient({ url: 'http://127.0.0.1:1' });
  await expect(nowhere.getHealth()).rejects.toThrow(Unreachable);
});

test('the feed gives the changes of all clients', async () => {
  const stop = new AbortController();
  const seen = (await client.listChanges()).cursor as `${string}-${number}`;
  const feed = client.changes({ after: seen, signal: stop.signal });
  await client.putChat({ path: { id: 'fed' }, body: { conversation: { id: 'fed', messages: [] } } });
  const { value } = await feed.next();
  stop.abort();
  expect(value).toMatchObject({ type: 'change', kind: 'conversation', id: 'fed', client: 'laptop' });
});

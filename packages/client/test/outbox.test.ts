import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Conversation } from '../src/chat.js';
import { cursor, type Cursor } from '../src/cursor.js';
import { diffChats } from '../src/diff.js';
import type { Entry } from '../src/entry.js';
import { Outbox, type OutboxStorage } from '../src/outbox.js';
import { createTransport, type Transport } from '../src/transport.js';
import { startServer, until, type TestServer } from './server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

/** Storage that survives the outbox, as IndexedDB survives a page. */
function memoryStorage(): OutboxStorage & { entries: Map<string, Entry> } {
  const entries = new Map<string, Entry>();
  return {
    entries,
    load: () => Promise.resolve([...entries.values()].map((e) => structuredClone(e))),
    write(put, remove) {
      for (const entry of put) entries.set(entry.key, structuredClone(entry));
      for (const key of remove) entries.delete(key);
      return Promise.resolve();
    },
  };
}

/** A browser with a list of chats: what it holds, its outbox, and the requests that it makes. */
class Device {
  chats: Conversation[] = [];
  seen: Cursor | null = null;
  readonly requests: string[] = [];
  online = true;
  outbox: Outbox;
  readonly transport: Transport;

  constructor(
    readonly name: string,
    readonly storage = memoryStorage(),
  ) {
    this.transport = createTransport({
      url: server.url,
      clientId: name,
      fetch: (input, init) => {
        if (!this.online) return Promise.reject(new TypeError('fetch failed'));
        this.requests.push(`${init?.method} ${String(input).slice(server.url.length)}`);
        return fetch(input, init);
      },
    });
    this.outbox = this.#open();
  }

  #open(): Outbox {
    return new Outbox({
      storage: this.storage,
      transport: this.transport,
      seen: () => this.seen,
      readConversation: (id) => this.chats.find((c) => c.id === id),
    });
  }

  /** The page is closed and opened again. */
  reload(): void {
    this.outbox.stop();
    this.outbox = this.#open();
  }

  async read(): Promise<this> {
    const page = await this.transport.send({ method: 'GET', path: '/api/changes?limit=1&after=' });
    const { body } = await this.transport.send({ method: 'GET', path: '/api/stores/app-chats' });
    this.chats = (body['data'] as { conversations: Conversation[] }).conversations;
    this.seen = cursor(String(body['epoch']), Number(body['revision']));
    expect(page.ok).toBe(true);
    return this;
  }

  change(id: string, edit: (chat: Conversation) => Conversation | null): Promise<void> {
    const next = this.chats.flatMap((c) => (c.id === id ? (edit(c) ?? []) : c));
    return this.set(next);
  }

  set(next: Conversation[]): Promise<void> {
    const edits = diffChats(this.chats, next);
    this.chats = next;
    return this.outbox.add(edits);
  }

  say(id: string, ...messages: { id: string; text: string }[]): Promise<void> {
    return this.change(id, (c) => ({ ...c, updated: ++clock, messages: messages.reduce(put, c.messages) }));
  }
}

let clock = 1;
const made = (id: string, text: string) => ({ id, role: 'user', fragments: [{ ft: 'content', text }] });

function put(messages: Conversation['messages'], { id, text }: { id: string; text: string }) {
  const message = made(id, text);
  return messages.some((m) => m.id === id)
    ? messages.map((m) => (m.id === id ? message : m))
    : [...messages, message];
}

async function stored(id: string): Promise<Conversation | null> {
  const response = await fetch(`${server.url}/api/chats/${id}`);
  const { conversation } = (await response.json()) as { conversation?: Conversation };
  return conversation ?? null;
}

const texts = (chat: Conversation | null) =>
  chat?.messages.map((m) => (m['fragments'] as { text: string }[])[0]?.text);

let chat: string;
let count = 0;
beforeEach(async () => {
  chat = `chat${++count}`;
  await server.restart();
  const conversation = {
    id: chat,
    messages: [made('m1', 'one'), made('m2', 'two')],
    updated: ++clock,
    tokenCount: 0,
  };
  await fetch(`${server.url}/api/chats/${chat}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ conversation }),
  });
});

test('an edit of one message is one request, and the status goes from saving to idle', async () => {
  const device = await new Device('a').read();
  device.requests.length = 0;
  const states: string[] = [];
  device.outbox.status.subscribe((s) => states.push(s.state));
  await device.say(chat, { id: 'm2', text: 'edited' });
  await device.outbox.flush();
  expect(device.requests).toEqual(['POST /api/batch']);
  expect(states[0]).toBe('saving');
  expect(device.outbox.status.get()).toEqual({ state: 'idle', pending: 0, conflicts: [] });
  expect(texts(await stored(chat))).toEqual(['one', 'edited']);
});

test('an edit of a chat that was just created goes on from its creation', async () => {
  const device = await new Device('a').read();
  const created = { id: `${chat}-new`, messages: [made('n1', 'first')], updated: ++clock };
  await device.set([created, ...device.chats]);
  await device.outbox.flush();
  device.requests.length = 0;
  // The feed has not told of it yet.
  await device.say(created.id, { id: 'n1', text: 'edited' });
  await device.outbox.flush();
  expect(device.requests).toEqual(['POST /api/batch']);
  expect(texts(await stored(created.id))).toEqual(['edited']);
});

test('many edits of one message while it is sent arrive as its last version', async () => {
  const device = await new Device('a').read();
  device.requests.length = 0;
  for (let i = 0; i < 50; i += 1) void device.say(chat, { id: 'm2', text: `token ${i}` });
  await device.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'token 49']);
  expect(device.requests.length).toBeLessThan(4);
  expect(device.storage.entries.size).toBe(0);
});

test('edits while the server is away are kept over a reload and arrive in order', async () => {
  const device = await new Device('a').read();
  device.online = false;
  await device.say(chat, { id: 'm3', text: 'three' }, { id: 'm4', text: 'four' });
  await until(() => device.outbox.status.get().state === 'offline');
  device.reload();
  await device.outbox.ready;
  await device.say(chat, { id: 'm4', text: 'four, edited' });
  device.online = true;
  await device.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'two', 'three', 'four, edited']);
  expect(device.outbox.status.get().state).toBe('idle');
});

test('what failed is tried again without being asked', async () => {
  const device = await new Device('a').read();
  device.online = false;
  await device.say(chat, { id: 'm3', text: 'three' });
  await until(() => device.outbox.status.get().state === 'offline');
  device.online = true;
  await until(() => device.outbox.status.get().state === 'idle');
  expect(texts(await stored(chat))).toEqual(['one', 'two', 'three']);
});

test('two devices that add to one chat keep both additions, without a conflict', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.say(chat, { id: 'from a', text: 'a' });
  await a.outbox.flush();
  await b.say(chat, { id: 'from b', text: 'b' });
  await b.outbox.flush();
  expect(texts(await stored(chat))?.sort()).toEqual(['a', 'b', 'one', 'two']);
  expect(b.outbox.status.get()).toMatchObject({ state: 'idle', conflicts: [] });
});

test('two devices that rewrite one message keep both texts, and the second is told', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.say(chat, { id: 'm2', text: 'by a' });
  await a.outbox.flush();
  await b.say(chat, { id: 'm2', text: 'by b' });
  await b.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'by a', 'by b']);
  expect(b.outbox.status.get().state).toBe('conflict');
  expect(b.outbox.status.get().conflicts).toMatchObject([{ kind: 'message', id: 'm2', kept: 'sibling' }]);
});

test('after a conflict the running app’s later edits go to its own text', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.say(chat, { id: 'm2', text: 'by a' });
  await a.outbox.flush();
  await b.say(chat, { id: 'm2', text: 'by b' });
  await b.outbox.flush();
  await b.say(chat, { id: 'm2', text: 'by b, longer' });
  await b.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'by a', 'by b, longer']);
});

test('a star from elsewhere is not undone by the edits that a running app makes later', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.change(chat, (c) => ({
    ...c,
    messages: c.messages.map((m) => (m.id === 'm2' ? { ...m, userFlags: ['starred'] } : m)),
  }));
  await a.outbox.flush();
  for (const text of ['b1', 'b2']) {
    await b.say(chat, { id: 'm2', text });
    await b.outbox.flush();
  }
  const message = (await stored(chat))?.messages[1];
  expect(message).toMatchObject({ userFlags: ['starred'], fragments: [{ text: 'b2' }] });
});

test('a chat that was changed elsewhere is not deleted by a device that did not see the change', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.say(chat, { id: 'm3', text: 'later' });
  await a.outbox.flush();
  await b.change(chat, () => null);
  await b.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'two', 'later']);
  expect(b.outbox.status.get().conflicts).toMatchObject([{ kind: 'conversation', kept: 'theirs' }]);
});

test('a device deletes a chat that only itself has changed since it last listed', async () => {
  const device = await new Device('a').read();
  await device.say(chat, { id: 'm3', text: 'mine' });
  await device.outbox.flush();
  device.reload();
  await device.change(chat, () => null);
  await device.outbox.flush();
  expect(await stored(chat)).toBeNull();
  expect(device.outbox.status.get().state).toBe('idle');
});

test('a chat that was deleted elsewhere comes back when it is edited here', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.change(chat, () => null);
  await a.outbox.flush();
  expect(await stored(chat)).toBeNull();
  await b.say(chat, { id: 'm3', text: 'still here' });
  await b.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'two', 'still here']);
});

test('a new chat and the messages that follow at once are all there', async () => {
  const device = await new Device('a').read();
  const id = `${chat}-new`;
  await device.set([{ id, messages: [made('n1', 'n1')], updated: 1 }, ...device.chats]);
  void device.outbox.flush();
  for (const text of ['n2', 'n3', 'n4']) await device.say(id, { id: text, text });
  await device.outbox.flush();
  expect(texts(await stored(id))).toEqual(['n1', 'n2', 'n3', 'n4']);
  expect(device.outbox.status.get().state).toBe('idle');
});

test('a chat that was made and deleted before it was sent leaves nothing', async () => {
  const device = await new Device('a').read();
  device.online = false;
  const id = `${chat}-new`;
  await device.set([{ id, messages: [], updated: 1 }, ...device.chats]);
  await until(() => device.outbox.status.get().state === 'offline');
  await device.change(id, () => null);
  expect(device.storage.entries.size).toBe(0);
});

test('a write that was made although its answer was lost is no conflict', async () => {
  const device = await new Device('a').read();
  await device.say(chat, { id: 'm2', text: 'first' });
  // The server has it; this browser was closed before it heard so.
  const kept = [...device.storage.entries.values()].map((e) => structuredClone(e));
  await device.outbox.flush();
  for (const entry of kept) device.storage.entries.set(entry.key, entry);
  device.reload();
  await device.outbox.ready;
  await device.say(chat, { id: 'm2', text: 'second' });
  await device.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'second']);
  expect(device.outbox.status.get()).toMatchObject({ state: 'idle', conflicts: [] });
});

test('a head that was changed on both sides keeps both changes', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.change(chat, (c) => ({ ...c, userTitle: 'by a' }));
  await a.outbox.flush();
  await b.change(chat, (c) => ({ ...c, isArchived: true, updated: null }));
  await b.outbox.flush();
  expect(await stored(chat)).toMatchObject({ userTitle: 'by a', isArchived: true, updated: null });
  expect(b.outbox.status.get().state).toBe('idle');
});

test('a write that the server will never take is kept, and told; the others go on', async () => {
  const device = await new Device('a').read();
  await device.outbox.add([
    {
      kind: 'message',
      op: 'put',
      parent: chat,
      id: 'x',
      value: { id: 'other' },
      before: null,
      whole: device.chats[0]!,
    },
  ]);
  await device.say(chat, { id: 'm2', text: 'good' });
  await device.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'good']);
  expect(device.outbox.status.get()).toMatchObject({ state: 'failed', pending: 1 });
  expect(device.outbox.status.get().problem).toContain('refused');
  expect(device.storage.entries.size).toBe(1);
  await device.outbox.discardRejected();
  expect(device.outbox.status.get().state).toBe('idle');
});

test('a closing page sends what fits into its last requests, and keeps the rest', async () => {
  const device = await new Device('a').read();
  await device.say(chat, { id: 'm3', text: 'small' }, { id: 'm4', text: 'x'.repeat(100_000) });
  device.outbox.flushOnHide();
  device.outbox.stop();
  await until(async () => texts(await stored(chat))?.includes('small'));
  expect(device.storage.entries.size).toBeGreaterThan(0);
  device.reload();
  await device.outbox.flush();
  expect(texts(await stored(chat))?.[3]).toHaveLength(100_000);
});

test('a message that was put between two others stands there on the server too', async () => {
  const device = await new Device('a').read();
  await device.change(chat, ({ messages, ...c }) => ({
    ...c,
    messages: [made('m0', 'zero'), ...messages.slice(0, 1), made('m1b', 'between'), ...messages.slice(1)],
  }));
  await device.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['zero', 'one', 'between', 'two']);
});

test('new chats stand in the server’s list as in the browser’s', async () => {
  const device = await new Device('a').read();
  const ids = ['x', 'y', 'z'].map((letter) => `${chat}-${letter}`);
  await device.set([...ids.map((id) => ({ id, messages: [], updated: 1 })), ...device.chats]);
  await device.outbox.flush();
  const list = (await new Device('b').read()).chats.map((c) => c.id);
  expect(list.slice(0, 3)).toEqual(ids);
});

test('creating what another device created meanwhile replaces nothing', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  const id = `${chat}-same`;
  await a.set([{ id, messages: [made('x', 'by a')], updated: 1 }, ...a.chats]);
  await a.outbox.flush();
  await b.set([{ id, messages: [made('x', 'by b'), made('y', 'more')], updated: 2 }, ...b.chats]);
  await b.outbox.flush();
  expect(texts(await stored(id))?.sort()).toEqual(['by a', 'by b', 'more']);
});

test('a head that is edited before the writes of an earlier visit were read keeps both edits', async () => {
  const device = await new Device('early').read();
  device.online = false;
  await device.change(chat, (c) => ({ ...c, userTitle: 'named' }));
  device.reload();
  device.online = true;
  await device.change(chat, (c) => ({ ...c, isArchived: true }));
  await device.outbox.flush();
  expect(await stored(chat)).toMatchObject({ userTitle: 'named', isArchived: true });
});

test('a tab takes over what a closed one had not sent, before its own later edits', async () => {
  const [closed, open] = [await new Device('closed').read(), await new Device('open').read()];
  closed.online = open.online = false;
  await closed.change(chat, (c) => ({ ...c, userTitle: 'theirs' }));
  await closed.say(chat, { id: 'm3', text: 'three' });
  closed.outbox.stop();
  await open.change(chat, (c) => ({ ...c, systemPurposeId: 'Developer' }));
  await open.outbox.adopt(closed.outbox.pending());
  open.online = true;
  await until(() => open.outbox.pending().length === 0);
  const found = await stored(chat);
  expect(found).toMatchObject({ userTitle: 'theirs', systemPurposeId: 'Developer' });
  expect(texts(found)).toEqual(['one', 'two', 'three']);
});

test('an edit that comes while a conflict is resolved is merged too, and takes nothing away', async () => {
  const [mine, theirs] = [await new Device('editing').read(), await new Device('starring').read()];
  await theirs.change(chat, (c) => ({
    ...c,
    messages: c.messages.map((m) => (m.id === 'm1' ? { ...m, userFlags: ['starred'] } : m)),
  }));
  await theirs.outbox.flush();
  let isLate = false;
  const send = mine.transport.send.bind(mine.transport);
  mine.transport.send = async (request) => {
    const reply = await send(request);
    if (reply.status === 412 && !isLate) {
      isLate = true;
      await mine.say(chat, { id: 'm1', text: 'second' });
    }
    return reply;
  };
  await mine.say(chat, { id: 'm1', text: 'first' });
  await until(async () => texts(await stored(chat))?.[0] === 'second');
  expect((await stored(chat))?.messages[0]).toMatchObject({ userFlags: ['starred'] });
});

test('what is written while a conflict is being settled is part of our text', async () => {
  const [a, b] = [await new Device('a').read(), await new Device('b').read()];
  await a.say(chat, { id: 'm2', text: 'by a' });
  await a.outbox.flush();
  await b.say(chat, { id: 'm2', text: 'by b' });
  const flushed = b.outbox.flush();
  // The refusal is on its way when the next token comes.
  await until(() => b.requests.filter((r) => r === 'POST /api/batch').length > 0);
  await b.say(chat, { id: 'm2', text: 'by b, and more' });
  await flushed;
  await b.outbox.flush();
  expect(texts(await stored(chat))).toEqual(['one', 'by a', 'by b, and more']);
});

// The app as far as its persistence goes, by the same calls as idb-keyval, zustand and Dexie make.

export interface Message {
  id: string;
  role: string;
  fragments: { ft: string; fId: string; part: { pt: string; text: string } }[];
  [member: string]: unknown;
}

export interface Chat {
  id: string;
  messages: Message[];
  [member: string]: unknown;
}

export function message(id: string, text: string, more: object = {}): Message {
  const fragments = [{ ft: 'content', fId: `f-${id}`, part: { pt: 'text', text } }];
  return { id, role: 'user', fragments, tokenCount: 1, created: 1, updated: null, ...more };
}

export function chat(id: string, texts: string[], more: object = {}): Chat {
  const messages = texts.map((text, i) => message(`${id}-${i}`, text));
  return { id, messages, systemPurposeId: 'Generic', created: 1, updated: 1, tokenCount: 1, ...more };
}

export function textOf(m: Message | undefined): string {
  return m?.fragments.map((f) => f.part.text).join('') ?? '';
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('failed'));
  });
}

export async function openKeyval(): Promise<IDBDatabase> {
  const request = indexedDB.open('keyval-store');
  request.onupgradeneeded = () => request.result.createObjectStore('keyval');
  return done(request);
}

/** The chats in memory, and how they are kept. */
export class App {
  chats: Chat[] = [];
  version = 4;
  #database!: IDBDatabase;

  /** Starts as the app does: reads its chats, cleans them up in place, and makes an empty one when there is none. */
  static async start(): Promise<App> {
    const app = new App();
    app.#database = await openKeyval();
    const text = await done(app.#store('readonly').get('app-chats') as IDBRequest<string | undefined>);
    const kept =
      text === undefined
        ? []
        : (JSON.parse(text) as { state: { conversations: Chat[] } }).state.conversations;
    for (const c of kept) {
      c['_abortController'] = null;
      for (const m of c.messages) m['userFlags'] ??= [];
    }
    app.chats = kept.length > 0 ? [...kept] : [chat('empty', [])];
    return app;
  }

  /** Changes a conversation as the app's store does: new objects on the way to what changed, and nowhere else. */
  async edit(id: string, change: (chat: Chat) => Partial<Chat>): Promise<void> {
    this.chats = this.chats.map((c) => (c.id === id ? { ...c, ...change(c) } : c));
    await this.save();
  }

  /** Changes the text of a message. */
  say(id: string, mid: string, text: string): Promise<void> {
    const change = (m: Message) => (m.id === mid ? { ...message(mid, text), userFlags: [] } : m);
    return this.edit(id, (c) => ({ messages: c.messages.map(change), updated: 2 }));
  }

  async save(): Promise<void> {
    const conversations = this.chats
      .filter((c, _, all) => c.messages.length > 0 || all.length <= 1)
      .map(({ _abortController: _, ...rest }) => rest);
    const text = JSON.stringify({ state: { conversations }, version: this.version });
    const store = this.#store('readwrite');
    store.put(text, 'app-chats');
    await new Promise<void>((resolve, reject) => {
      store.transaction.oncomplete = () => resolve();
      store.transaction.onabort = () => reject(store.transaction.error ?? new Error('aborted'));
    });
  }

  /** As the app puts a backup in the place of what it has. */
  async restore(settings: Record<string, unknown>, chats: Chat[] | undefined): Promise<void> {
    localStorage.clear();
    for (const [key, value] of Object.entries(settings)) {
      localStorage.setItem(key, typeof value === 'string' ? value : JSON.stringify(value));
    }
    const store = this.#store('readwrite');
    await done(store.clear());
    if (chats) {
      const value = JSON.stringify({ state: { conversations: chats }, version: 4 });
      await done(store.add(value, 'app-chats'));
    }
  }

  #store(mode: IDBTransactionMode): IDBObjectStore {
    return this.#database.transaction('keyval', mode).objectStore('keyval');
  }
}

export async function openAssets(): Promise<IDBDatabase> {
  const request = indexedDB.open('Big-AGI', 10);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore('largeAssets', { keyPath: 'id' });
    store.createIndex('createdAt', 'createdAt');
  };
  return done(request);
}

export function asset(id: string, scopeId = 'app-chat'): Record<string, unknown> {
  return {
    id,
    contextId: 'global',
    scopeId,
    assetType: 'image',
    label: id,
    data: { mimeType: 'image/png', base64: 'iVBORw0KGgo=' },
    origin: { ot: 'user', source: 'attachment' },
    createdAt: new Date(1_700_000_000_000),
    updatedAt: new Date(1_700_000_000_000),
    metadata: { width: 1, height: 1 },
    cache: {},
  };
}

export function imageRef(id: string): object {
  const _legacyImageRefPart = { pt: 'image_ref', dataRef: { reftype: 'dblob', dblobAssetId: id } };
  return { ft: 'attachment', fId: `i-${id}`, part: { pt: 'reference', rt: 'zync', _legacyImageRefPart } };
}

export async function putAsset(record: Record<string, unknown>): Promise<void> {
  const database = await openAssets();
  await done(database.transaction('largeAssets', 'readwrite').objectStore('largeAssets').put(record));
  database.close();
}

export async function deleteAsset(id: string): Promise<void> {
  const database = await openAssets();
  await done(database.transaction('largeAssets', 'readwrite').objectStore('largeAssets').delete(id));
  database.close();
}

export async function getAsset(id: string): Promise<Record<string, unknown> | undefined> {
  const database = await openAssets();
  const request = database.transaction('largeAssets').objectStore('largeAssets').get(id);
  const found = await done(request as IDBRequest<Record<string, unknown> | undefined>);
  database.close();
  return found;
}

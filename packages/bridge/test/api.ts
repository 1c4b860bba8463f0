// The server as another device or a test sees it.
import type { Chat } from './app.js';

const call = globalThis.fetch;

/** What another device does. */
export function api(server: string, client = 'another-device') {
  const send = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const response = await call(server + path, {
      method,
      headers: { 'content-type': 'application/json', 'holdfast-client': client },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, ...((await response.json()) as object) };
  };
  return {
    send,
    call: (path: string, init: RequestInit) => call(server + path, init),
    chats: async () => (await send('GET', '/api/chats?order=list'))['conversations'] as Chat[],
    chat: async (id: string) => (await send('GET', `/api/chats/${id}`))['conversation'] as Chat | undefined,
    putChat: (conversation: Chat) => send('PUT', `/api/chats/${conversation.id}`, { conversation }),
    deleteChat: (id: string) => send('DELETE', `/api/chats/${id}`),
    store: (name: string, device = '') => send('GET', `/api/stores/${name}?device=${device}`),
    putStore: (name: string, data: unknown, version = 0) =>
      send('PUT', `/api/stores/${name}`, { data, version }),
  };
}

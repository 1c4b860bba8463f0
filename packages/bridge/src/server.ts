// What is asked of the server, and how its answers look.
import type { Conversation } from '../../client/src/chat.js';
import type { Cursor } from '../../client/src/cursor.js';
import type { DocumentValue } from '../../client/src/edit.js';
import { createTransport, Unreachable, type Transport } from '../../client/src/transport.js';
import { native } from './native.js';

export const SERVER = '/_holdfast';

export interface StateStore extends DocumentValue {
  name: string;
  /** Whose it is; empty for shared ones. */
  device: string;
}

/** The answer of `GET /api/state`. */
export interface ServerState {
  epoch: string;
  cursor: Cursor;
  /** There was nothing to go on from: all stores are here, and the lists of ids are empty. */
  reset: boolean;
  stores: StateStore[];
  removedStores: string[];
  conversations: { changed: string[]; removed: string[] };
  assets: { changed: string[]; removed: string[] };
  conversationCount: number;
  assetCount: number;
}

function statePath(after: Cursor | undefined, client: string): string {
  const since = after === undefined ? '' : `after=${encodeURIComponent(after)}&`;
  return `/api/state?${since}device=${encodeURIComponent(client)}`;
}

/**
 * Asks before the app runs, so that its stores find what the server has: the app reads localStorage while its scripts
 * are evaluated. Nothing when there was no answer; the page goes to the login when it needs one.
 *
 * A synchronous request can have no time limit. It goes to the process that sent this page a moment before, reads only
 * what changed, and a connection that is refused or reset ends it at once.
 */
export function askState(after: Cursor | undefined, client: string): ServerState | undefined {
  const request = new XMLHttpRequest();
  try {
    request.open('GET', SERVER + statePath(after, client), false);
    request.setRequestHeader('Holdfast-Client', client);
    request.send();
  } catch {
    return undefined;
  }
  if (request.status === 401) {
    location.replace(`${SERVER}/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  return request.status === 200 ? (native.parse(request.responseText) as ServerState) : undefined;
}

export function createServer(client: string) {
  const transport = createTransport({ url: SERVER, clientId: client, fetch: native.fetch });
  return { transport, ...reads(transport, client) };
}

export type Server = ReturnType<typeof createServer>;

const NDJSON = 'application/x-ndjson';

async function lines(response: Response): Promise<Conversation[]> {
  const all = (await response.text()).trimEnd().split('\n');
  // Without its last line the answer was cut.
  const end = native.parse(all.pop() ?? '') as { end?: boolean };
  if (!end.end) throw new Unreachable('the list of conversations was cut');
  return all.map((line) => native.parse(line) as Conversation);
}

function reads(transport: Transport, client: string) {
  async function open(path: string, accept = 'application/json'): Promise<Response> {
    const response = await transport.open({ method: 'GET', path, headers: { accept } });
    if (!response.ok && response.status !== 404) throw new Unreachable(`${path} answered ${response.status}`);
    return response;
  }

  return {
    async state(after: Cursor): Promise<ServerState> {
      return (await (await open(statePath(after, client))).json()) as ServerState;
    },

    /** The text of `app-chats` as the browser keeps it, and up to where it goes; no text when there is no store. */
    async chatsText(): Promise<{ text: string | undefined; cursor: Cursor | null }> {
      const response = await open('/api/stores/app-chats?view=value');
      const text = response.ok ? await response.text() : undefined;
      return { text, cursor: response.headers.get('holdfast-cursor') as Cursor | null };
    },

    /** The conversations that changed after a cursor, whole. */
    async chatsSince(after: Cursor): Promise<Conversation[]> {
      return lines(await open(`/api/chats?order=list&changed_since=${encodeURIComponent(after)}`, NDJSON));
    },

    /** All conversations, whole. */
    async allChats(): Promise<Conversation[]> {
      return lines(await open('/api/chats?order=list', NDJSON));
    },

    /** A store's data, for this browser. */
    async storeData(name: string): Promise<unknown> {
      const response = await open(`/api/stores/${encodeURIComponent(name)}`);
      return response.ok ? ((await response.json()) as { data: unknown }).data : undefined;
    },

    async asset(id: string): Promise<Record<string, unknown> | undefined> {
      const response = await open(`/api/assets/${encodeURIComponent(id)}`);
      if (!response.ok) return undefined;
      return ((await response.json()) as { asset: Record<string, unknown> }).asset;
    },

    /** The ids of all assets. */
    async assetIds(): Promise<Set<string>> {
      const ids = new Set<string>();
      for (let next: string | null = ''; next !== null;) {
        const path = `/api/assets?limit=1000${next === '' ? '' : `&cursor=${encodeURIComponent(next)}`}`;
        const page = (await (await open(path)).json()) as {
          assets: { id: string }[];
          nextCursor: string | null;
        };
        for (const { id } of page.assets) ids.add(id);
        next = page.nextCursor;
      }
      return ids;
    },
  };
}

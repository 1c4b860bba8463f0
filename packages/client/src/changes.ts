import { createParser } from 'eventsource-parser';

import type { Cursor } from './cursor.js';
import { Unreachable, type Transport } from './transport.js';

/** One change of one entity, as the feed tells it. */
export interface Change {
  type: 'change';
  cursor: Cursor;
  seq: number;
  /** Milliseconds since 1970. */
  at: number;
  client: string | null;
  kind: string;
  /** A message's conversation. */
  parent: string | null;
  id: string;
  op: 'put' | 'delete';
}

/** The cursor says nothing any more (a backup was restored, say): list everything again. */
export interface Reset {
  type: 'reset';
  cursor: Cursor;
}

export interface ChangesOptions {
  /** Where to go on; by default only what comes from now on. */
  after?: Cursor | undefined;
  signal?: AbortSignal;
  /** Told when the stream breaks and when it stands again. */
  onConnection?: (connected: boolean) => void;
}

const LONGEST_PAUSE_MS = 15_000;

/** The changes of all clients, each once and in order, over broken connections, until `signal` aborts. */
export async function* changes(
  transport: Transport,
  options: ChangesOptions = {},
): AsyncGenerator<Change | Reset, void, undefined> {
  const { signal, onConnection } = options;
  let after = options.after;
  for (let tries = 0; !signal?.aborted; tries += 1) {
    try {
      for await (const event of connect(transport, after, signal, onConnection)) {
        tries = 0;
        after = event.cursor;
        yield event;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof Unreachable) && !(error instanceof TypeError)) throw error;
    }
    onConnection?.(false);
    await pause(Math.min(LONGEST_PAUSE_MS, 250 * 2 ** tries) * (0.5 + Math.random() / 2), signal);
  }
}

async function* connect(
  transport: Transport,
  after: Cursor | undefined,
  signal: AbortSignal | undefined,
  onConnection: ((connected: boolean) => void) | undefined,
): AsyncGenerator<Change | Reset, void, undefined> {
  const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
  const response = await transport.open({
    method: 'GET',
    path: `/api/changes/stream${query}`,
    headers: { accept: 'text/event-stream' },
    signal,
  });
  if (response.status >= 500 || response.status === 429) {
    throw new Unreachable(`the feed answered ${response.status}`);
  }
  if (!response.ok || !response.body) throw new Error(`The feed of changes answered ${response.status}`);
  onConnection?.(true);
  const events: (Change | Reset)[] = [];
  const parser = createParser({
    onEvent({ event, id, data }) {
      if (id === undefined) return;
      const cursor = id as Cursor;
      if (event === 'reset') events.push({ type: 'reset', cursor });
      if (event === 'change') events.push({ ...(JSON.parse(data) as Change), type: 'change', cursor });
    },
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

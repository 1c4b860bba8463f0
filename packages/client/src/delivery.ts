import { cursor, etag, type Cursor } from './cursor.js';
import { pathOf, requestBody, type Entry } from './entry.js';
import { KEEPALIVE_BYTES } from './keepalive.js';
import { Unreachable, type Reply, type Transport } from './transport.js';

/** A request with pending writes in it. */
export interface Delivery {
  entries: Entry[];
  /** Size of its body. */
  bytes: number;
  answer: () => Promise<Answer>;
}

export interface Answer {
  acknowledged: { entry: Entry; revision: Cursor }[];
  /** The write that kept the batch from being made, and why. */
  refused?: { entry: Entry; reply: Reply };
}

export interface DeliveryOptions {
  /** The page closes: only what fits into so many bytes. */
  room: number | undefined;
  readAsset: (entry: Entry) => Promise<unknown> | undefined;
}

/** The most that goes into one batch, and the most operations. */
const BATCH_BYTES = 512_000;
const BATCH_OPERATIONS = 500;
const METHODS = { put: 'PUT', patch: 'PATCH', delete: 'DELETE', add: 'POST' };
/** `{"operations":[` and `]}`. */
const ENVELOPE_BYTES = 20;

/** Puts the first entries into a request: several in one batch, or an image, which has a route of its own. */
export function deliver(
  transport: Transport,
  entries: readonly Entry[],
  options: DeliveryOptions,
): Delivery | undefined {
  const [first] = entries;
  if (!first) return undefined;
  if (first.kind === 'asset') {
    // An image is read and sent as a whole, which a closing page cannot do.
    if (options.room !== undefined) return deliver(transport, entries.slice(1), options);
    return alone(transport, first, options);
  }
  return batch(transport, entries, options.room);
}

function batch(
  transport: Transport,
  entries: readonly Entry[],
  room: number | undefined,
): Delivery | undefined {
  const operations: string[] = [];
  const taken: Entry[] = [];
  let bytes = ENVELOPE_BYTES;
  for (const entry of entries) {
    if (entry.kind === 'asset' || taken.length === BATCH_OPERATIONS) break;
    const operation = operationOf(entry);
    const size = byteLength(operation) + 1;
    const isOver = bytes + size > (room ?? BATCH_BYTES);
    // One that is larger than a batch goes alone; a closing page cannot send it, nor what may build on it.
    if (isOver && (taken.length > 0 || room !== undefined)) break;
    operations.push(operation);
    taken.push(entry);
    bytes += size;
  }
  if (taken.length === 0) return undefined;
  const answer = async (): Promise<Answer> => {
    const body = `{"operations":[${operations.join(',')}]}`;
    const keepalive = bytes <= KEEPALIVE_BYTES;
    const reply = await transport.send({ method: 'POST', path: '/api/batch', body, keepalive });
    if (!reply.ok) return { acknowledged: [], refused: refusal(taken, reply) };
    const { results, epoch } = reply.body as { results?: { revision: number }[]; epoch?: string };
    if (!results || epoch === undefined || results.length !== taken.length) {
      throw new Unreachable('the answer to a batch is none of Holdfast');
    }
    return {
      acknowledged: taken.map((entry, i) => ({ entry, revision: cursor(epoch, results[i]?.revision ?? 0) })),
    };
  };
  return { entries: taken, bytes, answer };
}

function alone(transport: Transport, entry: Entry, options: DeliveryOptions): Delivery {
  const answer = async (): Promise<Answer> => {
    let body: string | undefined;
    if (entry.op === 'put') {
      const record = await options.readAsset(entry);
      // It was deleted again before it was sent.
      if (record === undefined) return { acknowledged: [{ entry, revision: cursor('', 0) }] };
      body = JSON.stringify(record);
    }
    const method = entry.op === 'delete' ? 'DELETE' : 'PUT';
    const keepalive = (body?.length ?? 0) * 3 <= KEEPALIVE_BYTES;
    const reply = await transport.send({ method, path: pathOf(entry), body, keepalive });
    // Deleting what is absent is done. Deleting what a chat still refers to is the server's to decide: it counts
    // references in all chats, this browser only in those that it has.
    const isDone =
      reply.ok || (entry.op === 'delete' && (reply.status === 404 || reply.body['code'] === 'asset_in_use'));
    if (!isDone) return { acknowledged: [], refused: refusal([entry], reply) };
    const { revision, epoch } = reply.body as { revision?: number; epoch?: string };
    return { acknowledged: [{ entry, revision: cursor(epoch ?? '', revision ?? 0) }] };
  };
  return { entries: [entry], bytes: entry.body?.length ?? 0, answer };
}

/** The entry that is at fault. Errors that are of no entry are thrown: they pass, or somebody must act. */
function refusal(entries: readonly Entry[], reply: Reply): { entry: Entry; reply: Reply } {
  const { index, error, hint, code } = reply.body as {
    index?: number;
    error?: string;
    hint?: string;
    code?: string;
  };
  if (reply.status === 429 || reply.status >= 500 || code === undefined) {
    throw new Unreachable(error ?? `the server answered ${reply.status}`);
  }
  if (reply.status === 401 || reply.status === 403) {
    throw new Error(`${error ?? 'The server refuses this browser'}. ${hint ?? 'Sign in again.'}`);
  }
  const entry = entries[index ?? 0] ?? entries[0];
  if (!entry) throw new Error(error ?? 'The server refused a change');
  return { entry, reply };
}

function operationOf(entry: Entry): string {
  const members: [string, string | undefined][] = [
    ['method', `"${METHODS[entry.op]}"`],
    ['path', JSON.stringify(pathOf(entry))],
    ['ifMatch', entry.base === null ? undefined : JSON.stringify(etag(entry.base))],
    ['ifNoneMatch', entry.base === null && entry.op === 'put' ? '"*"' : undefined],
    ['idempotencyKey', entry.kind === 'cost' ? JSON.stringify(entry.id) : undefined],
    ['after', entry.after === undefined ? undefined : JSON.stringify(entry.after)],
    ['device', entry.device === undefined ? undefined : JSON.stringify(entry.device)],
    ['body', requestBody(entry)],
  ];
  return `{${members.flatMap(([key, value]) => (value === undefined ? [] : `"${key}":${value}`)).join(',')}}`;
}

function byteLength(text: string): number {
  // Exact only where it matters: a text of that many units may have three times the bytes.
  return text.length * 3 < 1_000 ? text.length * 3 : new TextEncoder().encode(text).length;
}

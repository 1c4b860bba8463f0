import { changes, type Change, type ChangesOptions, type Reset } from './changes.js';
import { HoldfastError } from './error.js';
import type { operations } from './generated/openapi.js';
import { OPERATIONS } from './generated/operations.js';
import { isObject } from './json.js';
import { createTransport, type TransportOptions } from './transport.js';

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

/** Content of the first media type that there is: JSON, text, or bytes. */
type Content<C> = C extends { 'application/json': infer Body }
  ? Body
  : C extends { 'text/plain': string }
    ? string
    : Response;

type BodyOf<C> = C extends { 'application/octet-stream': unknown } ? BodyInit : C[keyof C];

type Optional<T> = undefined extends T ? true : [T] extends [never] ? true : false;

/** `{key: T}`, which may be left out where all of it may. */
type Part<Key extends string, T> = [NonNullable<T>] extends [never]
  ? { [K in Key]?: never }
  : Optional<T> extends true
    ? { [K in Key]?: T }
    : object extends NonNullable<T>
      ? { [K in Key]?: T }
      : { [K in Key]: T };

type Parameters<O> = O extends { parameters: infer P } ? P : never;

/** What every request may have. */
export interface RequestOptions {
  /** `If-Match`, `If-None-Match`, `Idempotency-Key`, `Accept` and the like. */
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

type RequestOf<O> = RequestOptions &
  Part<'path', Parameters<O> extends { path?: infer P } ? P : never> &
  Part<'query', Parameters<O> extends { query?: infer Q } ? Q : never> &
  Part<
    'body',
    O extends { requestBody?: infer R } ? (R extends { content: infer C } ? BodyOf<C> : never) : never
  >;

type AnswerOf<O> = O extends { responses: { 200: { content: infer C } } } ? Content<C> : unknown;

type Call<O> =
  object extends RequestOf<O>
    ? (request?: RequestOf<O>) => Promise<AnswerOf<O>>
    : (request: RequestOf<O>) => Promise<AnswerOf<O>>;

/** One method for each operation of openapi.json: `get_chat` is `getChat({ path: { id } })`. */
export type Client = { [K in keyof operations as Camel<K>]: Call<operations[K]> } & {
  /** The changes of all clients, each once and in order, for as long as they are asked for. */
  changes(options?: ChangesOptions): AsyncGenerator<Change | Reset, void, undefined>;
};

interface AnyRequest extends RequestOptions {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
}

/** A client of the server at `url`. Its methods throw `HoldfastError`, or `Unreachable` when there is no answer. */
export function createClient(options: TransportOptions): Client {
  const transport = createTransport(options);

  async function call(row: readonly string[], request: AnyRequest = {}): Promise<unknown> {
    const [method = 'GET', route = '/', ...kinds] = row;
    const kind = kindOf(kinds, request.body);
    const body = request.body === undefined ? undefined : encoded(kind, request.body);
    const response = await transport.open({
      method,
      path: pathOf(route, request),
      headers: { ...(body === undefined ? {} : { 'content-type': kind }), ...request.headers },
      signal: request.signal,
      body,
    });
    if (!response.ok) throw new HoldfastError({ status: response.status, body: await jsonOf(response) });
    const type = response.headers.get('content-type') ?? '';
    if (type.startsWith('application/json')) return response.json();
    return type.startsWith('text/plain') ? response.text() : response;
  }

  const calls = Object.entries(OPERATIONS).map(([name, row]) => [name, (r?: AnyRequest) => call(row, r)]);
  return {
    ...Object.fromEntries(calls),
    changes: (asked?: ChangesOptions) => changes(transport, asked),
  } as Client;
}

/** A JSON Patch is a list, a merge patch an object. */
function kindOf(kinds: readonly string[], body: unknown): string {
  const [first = 'application/json', second] = kinds;
  return second !== undefined && !Array.isArray(body) ? second : first;
}

function encoded(kind: string, body: unknown): BodyInit {
  return kind === 'application/octet-stream' ? (body as BodyInit) : JSON.stringify(body);
}

function pathOf(route: string, { path = {}, query = {} }: AnyRequest): string {
  const filled = route.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = path[name];
    if (value === undefined) throw new TypeError(`${route} needs path.${name}`);
    return encodeURIComponent(value);
  });
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = new URLSearchParams(asked.map(([name, value]) => [name, String(value)])).toString();
  return search === '' ? filled : `${filled}?${search}`;
}

async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await response.json();
    return isObject(body) ? body : {};
  } catch {
    return {};
  }
}

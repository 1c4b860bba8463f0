import { isObject } from './json.js';

/** Where the server is and who calls it. */
export interface TransportOptions {
  /** Before `/api/…`: `http://127.0.0.1:4653`, or `/_holdfast` behind the proxy. */
  url: string;
  token?: string | undefined;
  /** `Holdfast-Client`: names this browser or tab in the feed and in history. */
  clientId?: string | undefined;
  fetch?: typeof fetch | undefined;
}

export interface Request {
  method: string;
  path: string;
  body?: BodyInit | undefined;
  headers?: Record<string, string>;
  /** Lets the request outlive the page; bodies in flight together may have 64 KiB. */
  keepalive?: boolean;
  signal?: AbortSignal | undefined;
}

export interface Reply {
  status: number;
  ok: boolean;
  /** The answer's JSON; empty when it is none. */
  body: Record<string, unknown>;
  headers: Headers;
}

/** No answer came: the server is away, or something before it. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface Transport {
  readonly options: TransportOptions;
  send(request: Request): Promise<Reply>;
  open(request: Request): Promise<Response>;
}

export function createTransport(options: TransportOptions): Transport {
  const base = options.url.replace(/\/+$/, '');

  async function open(request: Request): Promise<Response> {
    const headers: Record<string, string> = { ...request.headers };
    if (options.token) headers['authorization'] = `Bearer ${options.token}`;
    if (options.clientId) headers['holdfast-client'] = options.clientId;
    if (request.body !== undefined) headers['content-type'] ??= 'application/json';
    const call = options.fetch ?? globalThis.fetch;
    try {
      return await call(base + request.path, {
        method: request.method,
        headers,
        keepalive: request.keepalive ?? false,
        credentials: 'same-origin',
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal ? { signal: request.signal } : {}),
      });
    } catch (cause) {
      if (request.signal?.aborted) throw cause;
      throw new Unreachable(`${request.method} ${request.path} had no answer`, { cause });
    }
  }

  return {
    options,
    open,
    async send(request) {
      const response = await open(request);
      let body: unknown;
      try {
        const text = await response.text();
        body = text === '' ? {} : JSON.parse(text);
      } catch (cause) {
        // The answer was cut, or a proxy put a page of its own in its place.
        if (response.ok) throw new Unreachable(`the answer to ${request.path} was cut`, { cause });
      }
      return {
        status: response.status,
        ok: response.ok,
        body: isObject(body) ? body : {},
        headers: response.headers,
      };
    },
  };
}

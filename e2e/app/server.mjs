// The app's own server: its files, and an "AI" that answers one token at a time.
// node server.mjs [port]; PORT=0 picks a free one and prints it. DIST and CSP choose a build and a policy.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const dist = process.env.DIST ?? fileURLToPath(new URL('dist/plain', import.meta.url));
const policy = process.env.CSP;
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };
const words =
  'The quick brown fox jumps over the lazy dog while unicode éè 你好 🚀 flows through the stream'.split(' ');

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://app');
  const route = url.pathname === '/api/stream' ? answer : url.pathname === '/api/echo' ? echo : file;
  route(url, request, response).catch(() => response.destroy());
});

async function answer(url, request, response) {
  const tokens = Number(url.searchParams.get('tokens') ?? 20);
  const ms = Number(url.searchParams.get('ms') ?? 15);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  for (let sent = 0; sent < tokens && !response.destroyed; sent++) {
    response.write(`data: ${JSON.stringify({ token: `${words[sent % words.length]} ` })}\n\n`);
    if (ms) await wait(ms);
  }
  response.end();
}

/** What the app's server was asked with: shows what a proxy in between lets through. */
async function echo(url, request, response) {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
}

async function file(url, request, response) {
  const path = url.pathname === '/' ? '/index.html' : url.pathname;
  const body =
    path === '/closed.html'
      ? Buffer.from('<!doctype html><title>Closed</title><p>Closed.</p>')
      : await readBody(path);
  if (!body) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('Not found\n');
  const etag = `"${createHash('sha1').update(body).digest('base64url')}"`;
  const headers = {
    etag,
    'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (policy && path.endsWith('.html')) headers['content-security-policy'] = policy;
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end();
  headers['content-type'] = types[extname(path)] ?? 'application/octet-stream';
  response.writeHead(200, { ...headers, 'content-length': body.length }).end(body);
}

async function readBody(path) {
  if (path.includes('..')) return null;
  return readFile(join(dist, path)).catch(() => null);
}

server.listen(Number(process.argv[2] ?? process.env.PORT ?? 3001), process.env.HOST ?? '127.0.0.1', () => {
  console.log(`http://${server.address().address}:${server.address().port}`);
});

#!/usr/bin/env node
// The Insomnia collection: generated from openapi.json, and run from top to bottom against a server.
//
//   script/insomnia.mjs generate [--check] [--document FILE] [--collection FILE]
//   script/insomnia.mjs run [URL] [--collection FILE]        URL: default $HOLDFAST_TEST_URL
//
// Every operation of the document becomes at least one request. Bodies and ids come from
// insomnia-samples.mjs, else from the document's examples, else from its schemas. Each request's
// description says which status it answers on a server that was empty before the first one.

import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GROUPS, METHODS, SAMPLES } from './insomnia-samples.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const DEFAULT_URL = 'http://127.0.0.1:4653';

// ---- reading the document

function resolve(document, node) {
  let at = node;
  for (let hops = 0; at?.$ref && hops < 32; hops++) {
    at = at.$ref.slice(2).split('/').reduce((o, key) => o?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
  }
  return at ?? {};
}

/** A small value that a schema accepts. */
function sample(document, node, depth = 0) {
  const schema = resolve(document, node);
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum?.length) return schema.enum[0];
  if (depth > 6) return null;
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sample(document, part, depth + 1)));
  const either = schema.oneOf ?? schema.anyOf;
  if (either) {
    return sample(document, either.find((part) => resolve(document, part).type !== 'null') ?? either[0], depth + 1);
  }
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== 'null') : schema.type;
  switch (type) {
    case 'string': return 'text';
    case 'integer': case 'number': return schema.minimum ?? 1;
    case 'boolean': return false;
    case 'array': return schema.minItems ? [sample(document, schema.items ?? {}, depth + 1)] : [];
    default: return Object.fromEntries((schema.required ?? []).map((key) => [key, sample(document, schema.properties?.[key] ?? {}, depth + 1)]));
  }
}

function mediaExample(document, media) {
  if (media.example !== undefined) return media.example;
  const named = Object.values(media.examples ?? {})[0];
  if (named) return resolve(document, named).value;
  return sample(document, media.schema ?? {});
}

/** All operations, each as the one or more requests that show it. */
function requests(document) {
  const list = [];
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of Object.keys(item).filter((name) => METHODS.includes(name.toUpperCase()))) {
      const operation = item[method];
      const key = `${method.toUpperCase()} ${path.replace(/\{[^}]*\}/g, '{}')}`;
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((p) => resolve(document, p));
      const samples = SAMPLES[key] ?? [{}];
      samples.forEach((given, variant) => list.push({
        key, path, variant, method: method.toUpperCase(), tag: operation.tags?.[0],
        name: given.name ?? operation.summary ?? operation.operationId ?? key,
        ...request(document, { path, operation, parameters, given }),
      }));
    }
  }
  return list.sort(byOrder);
}

function request(document, { path, operation, parameters, given }) {
  const ids = [...(given.ids ?? [])];
  const url = path.replace(/\{([^}]*)\}/g, (_, name) => {
    if (ids.length) return ids.shift();
    const parameter = parameters.find((p) => p.in === 'path' && p.name === name) ?? {};
    return String(parameter.example ?? sample(document, parameter.schema ?? { type: 'string' }));
  });
  const query = given.query ?? Object.fromEntries(parameters
    .filter((p) => p.in === 'query' && p.required)
    .map((p) => [p.name, String(p.example ?? sample(document, p.schema ?? {}))]));
  const content = Object.entries(resolve(document, operation.requestBody ?? {}).content ?? {});
  const [documentType, media] = content.find(([type]) => type === given.type) ?? content[0] ?? [];
  const type = given.type ?? documentType;
  const value = given.body !== undefined ? given.body : media && mediaExample(document, media);
  const body = given.text ?? (value == null ? undefined : typeof value === 'string' && !/json/.test(type) ? value : JSON.stringify(value, null, 2));
  const success = Object.keys(operation.responses ?? {}).filter((status) => /^2/.test(status)).sort()[0] ?? '200';
  return { url, query, type: body === undefined ? undefined : type, body, headers: given.headers ?? {}, keep: given.keep, answers: String(given.answers ?? success), place: given.place };
}

// ---- the order: groups as listed, creating before reading, deleting at the very end

const PLACES = { PUT: 1, POST: 1, PATCH: 2, GET: 3, HEAD: 3, DELETE: 9 };

function group(request) {
  const index = GROUPS.findIndex((entry) => entry.paths.some((path) => request.path === path || request.path.startsWith(`${path}/`)));
  return index < 0 ? GROUPS.length : index;
}

function byOrder(a, b) {
  const place = (r) => r.place ?? PLACES[r.method];
  const phase = (r) => (place(r) >= 9 ? 1 : 0);
  const depth = (r) => r.path.split('/').length * (phase(r) ? -1 : 1);
  const compare = [
    [phase(a), phase(b)], [group(a), group(b)], [place(a), place(b)], [depth(a), depth(b)],
    [a.path, b.path], [a.method, b.method], [a.variant, b.variant],
  ].find(([x, y]) => x !== y);
  return !compare ? 0 : compare[0] < compare[1] ? -1 : 1;
}

// ---- the collection, in Insomnia's export format 4

function collection(document) {
  const workspace = 'wrk_holdfast';
  const list = requests(document);
  const resources = [
    { _id: workspace, _type: 'workspace', parentId: null, name: 'Holdfast', scope: 'collection', description: 'Generated from openapi.json by script/insomnia.mjs. Runs from top to bottom on an empty server.' },
    { _id: 'env_holdfast', _type: 'environment', parentId: workspace, name: 'Base', data: { base_url: DEFAULT_URL, ...kept(list) } },
  ];
  let folder;
  list.forEach((entry, index) => {
    const name = (entry.method === 'DELETE' ? 'Delete: ' : '') + (GROUPS[group(entry)]?.name ?? 'Other');
    if (folder?.name !== name) {
      folder = { _id: `fld_${String(index).padStart(3, '0')}`, _type: 'request_group', parentId: workspace, name, metaSortKey: index };
      resources.push(folder);
    }
    const headers = Object.entries(entry.headers).map(([header, value]) => ({ name: header, value }));
    if (entry.type) headers.unshift({ name: 'Content-Type', value: entry.type });
    resources.push({
      _id: `req_${String(index).padStart(3, '0')}`, _type: 'request', parentId: folder._id, metaSortKey: index,
      name: entry.name, description: `${entry.method} ${entry.path}. Answers ${entry.answers}.`,
      method: entry.method, url: `{{ _.base_url }}${entry.url}`, headers,
      parameters: Object.entries(entry.query).map(([parameter, value]) => ({ name: parameter, value: String(value) })),
      body: entry.body === undefined ? {} : { mimeType: entry.type, text: entry.body },
      ...(entry.keep ? { afterResponseScript: entry.keep } : {}),
    });
  });
  return { _type: 'export', __export_format: 4, __export_source: 'holdfast', resources };
}

/** The variables that the scripts of later answers fill. */
function kept(list) {
  const names = list.flatMap((entry) => [...(entry.keep ?? '').matchAll(/environment\.set\("(\w+)"/g)].map((match) => match[1]));
  return Object.fromEntries(names.map((name) => [name, '']));
}

function generate({ check, document, collection: file }) {
  const text = `${JSON.stringify(collection(JSON.parse(readFileSync(document, 'utf8'))), null, 2)}\n`;
  if (!check) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return 0;
  }
  let stored = '';
  try { stored = readFileSync(file, 'utf8'); } catch { /* absent is stale */ }
  if (stored === text) return 0;
  console.error(`${file} is not what ${document} gives: run script/fmt and commit the result`);
  return 1;
}

// ---- running it

function fill(text, variables) {
  return text.replace(/\{\{\s*_\.(\w+)\s*\}\}/g, (_, name) => {
    if (!variables[name]) throw new Error(`the variable ${name} is empty: the request that fills it did not`);
    return variables[name];
  });
}

async function send(entry, variables) {
  const url = new URL(fill(entry.url, variables));
  for (const { name, value } of entry.parameters) url.searchParams.append(name, fill(value, variables));
  const headers = Object.fromEntries(entry.headers.map(({ name, value }) => [name, fill(value, variables)]));
  const body = entry.body.text === undefined ? undefined : fill(entry.body.text, variables);
  const stop = AbortSignal.timeout(30_000);
  const answer = await fetch(url, { method: entry.method, headers, body, signal: stop });
  if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    // A live stream has no end: its status and type are the answer.
    await answer.body?.cancel();
    return { status: answer.status, text: '' };
  }
  return { status: answer.status, text: await answer.text() };
}

async function run({ url, collection: file }) {
  const { resources } = JSON.parse(readFileSync(file, 'utf8'));
  const variables = { ...resources.find((r) => r._type === 'environment').data, base_url: url };
  const list = resources.filter((r) => r._type === 'request').sort((a, b) => a.metaSortKey - b.metaSortKey);
  let failed = 0;
  for (const entry of list) {
    const expected = Number(entry.description.match(/Answers (\d{3})\.$/)[1]);
    let problem;
    try {
      const { status, text } = await send(entry, variables);
      if (status !== expected) problem = `answered ${status} instead of ${expected}: ${text.slice(0, 300)}`;
      else if (entry.afterResponseScript) {
        const insomnia = {
          response: { json: () => JSON.parse(text) },
          environment: { set: (name, value) => { variables[name] = String(value); } },
        };
        new Function('insomnia', entry.afterResponseScript)(insomnia);
      }
    } catch (error) {
      problem = error.cause?.message ?? error.message;
    }
    if (problem) {
      failed++;
      console.error(`FAILED ${entry.method} ${entry.url.replace('{{ _.base_url }}', '')} (${entry.name}): ${problem}`);
    }
  }
  console.log(`insomnia: ${list.length - failed} passed, ${failed} failed`);
  return failed ? 1 : 0;
}

// ---- the command line

function options(words) {
  const found = { check: false, url: process.env.HOLDFAST_TEST_URL ?? DEFAULT_URL, document: join(ROOT, 'openapi.json'), collection: join(ROOT, 'docs/insomnia.json') };
  for (let i = 0; i < words.length; i++) {
    if (words[i] === '--check') found.check = true;
    else if (words[i] === '--document' || words[i] === '--collection') found[words[i].slice(2)] = words[++i];
    else if (!words[i].startsWith('-')) found.url = words[i].replace(/\/$/, '');
    else throw new Error(`unknown option ${words[i]}`);
  }
  return found;
}

const [command, ...words] = process.argv.slice(2);
try {
  if (command === 'generate') process.exitCode = generate(options(words));
  else if (command === 'run') process.exitCode = await run(options(words));
  else throw new Error('usage: script/insomnia.mjs generate [--check] | run [URL]');
} catch (error) {
  console.error(`script/insomnia.mjs: ${error.message}`);
  process.exitCode = 2;
}

// Writes src/generated/ from openapi.json: the types of every operation, and where each one is.
// Not committed: `npm run generate`, `npm test`, `npm run check` and the build make it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const root = new URL('../../', import.meta.url);
const target = new URL('src/generated/', import.meta.url);
const document = JSON.parse(readFileSync(new URL('openapi.json', root), 'utf8'));

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** `list_chats` as JavaScript names it. */
const camel = (id) => id.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

const rows = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => {
    const { operationId, requestBody } = item[method];
    const row = [method.toUpperCase(), path, ...Object.keys(requestBody?.content ?? {})];
    return `  ${camel(operationId)}: ${JSON.stringify(row)},`;
  }),
);
const table = [
  '/** Method, path and the media types of the body of every operation. */',
  `export const OPERATIONS = {\n${rows.join('\n')}\n} as const;`,
];

/** Writes only what differs, so that nothing is checked anew in vain. */
function write(name, text) {
  const file = new URL(name, target);
  try {
    if (readFileSync(file, 'utf8') === text) return;
  } catch {
    // It is not there yet.
  }
  writeFileSync(file, text);
}

mkdirSync(target, { recursive: true });
write('openapi.ts', astToString(await openapiTS(document, { emptyObjectsUnknown: true })));
write('operations.ts', `${table.join('\n')}\n`);

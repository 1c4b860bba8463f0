// Builds dist/bridge.js and puts it where the binary embeds it. `--check` fails when the committed file is another.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const MOST_BYTES = 25_000;
const here = new URL('.', import.meta.url);
const embedded = new URL('../../crates/server/assets/bridge.js', here);
const { version } = JSON.parse(readFileSync(new URL('package.json', here), 'utf8'));

const { outputFiles } = await build({
  entryPoints: [new URL('src/main.ts', here).pathname],
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  define: { HOLDFAST_VERSION: JSON.stringify(version) },
  write: false,
});
const script = Buffer.from(outputFiles[0].contents);
const packed = gzipSync(script, { level: 9 }).length;
console.log(`bridge.js: ${script.length} bytes, ${packed} gzip`);
if (packed > MOST_BYTES) fail(`over ${MOST_BYTES} bytes gzip`);

if (process.argv.includes('--check')) {
  let committed;
  try {
    committed = readFileSync(embedded);
  } catch {
    fail('crates/server/assets/bridge.js is missing: run `npm run build -w @holdfast/bridge`');
  }
  if (!script.equals(committed)) {
    fail(
      'crates/server/assets/bridge.js is not what the sources make: run `npm run build -w @holdfast/bridge`',
    );
  }
} else {
  for (const target of [new URL('dist/bridge.js', here), embedded]) {
    mkdirSync(new URL('.', target), { recursive: true });
    writeFileSync(target, script);
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

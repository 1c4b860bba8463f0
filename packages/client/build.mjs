// Builds dist/: ES modules that share what they have in common, so that all of them have one connection.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/index.ts', 'src/zustand.ts', 'src/middleware.ts'],
  outdir: 'dist',
  format: 'esm',
  target: 'es2022',
  bundle: true,
  splitting: true,
  sourcemap: true,
  chunkNames: 'shared-[hash]',
  // Zustand's middleware goes inside: with the alias of the drop-in, its name means this package.
  external: ['idb', 'eventsource-parser'],
  logLevel: 'warning',
});

import { defineConfig } from 'vitest/config';

// The limits stop what hangs; they assert no speed. One scenario at a time: each has a browser and a server.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['native/*.test.ts', 'proxy/*.test.ts', 'client/*.test.ts'],
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
});

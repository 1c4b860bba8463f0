import { defineConfig, type Plugin } from 'vite';

// `vite build --mode client`: the same stores, with Zustand's persist taken from Holdfast's client instead.
const client: Plugin = {
  name: 'zustand-middleware-from-holdfast',
  enforce: 'pre',
  resolveId(source, importer) {
    if (source === 'zustand/middleware' && importer?.includes('/e2e/app/src/')) {
      return this.resolve('@holdfast/client/middleware', importer, { skipSelf: true });
    }
    return null;
  },
};

export default defineConfig(({ mode }) => ({
  plugins: mode === 'client' ? [client] : [],
  build: { outDir: mode === 'client' ? 'dist/client' : 'dist/plain', emptyOutDir: true, target: 'es2022' },
}));

import { defineConfig } from 'vite';

// `vite build --mode client`: the same stores, moved to Holdfast by nothing but this alias.
const alias = { 'zustand/middleware': '@holdfast/client/middleware' };

export default defineConfig(({ mode }) => ({
  resolve: { alias: mode === 'client' ? alias : {} },
  build: { outDir: mode === 'client' ? 'dist/client' : 'dist/plain', emptyOutDir: true, target: 'es2022' },
}));

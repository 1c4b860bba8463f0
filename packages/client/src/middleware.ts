// A drop-in for `zustand/middleware`: a bundler alias from that name to this module moves an app whose stores are not
// edited. Built with zustand's own middleware inside, since under the alias its name would lead back here.
export * from 'zustand/middleware';
export { createJSONStorage } from './zustand/json-storage.js';
export { persist } from './drop-in/persist.js';
export type { DropInSettings } from './drop-in/settings.js';

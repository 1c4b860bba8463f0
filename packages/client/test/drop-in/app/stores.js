// Stores as apps write them: nothing here knows of Holdfast.
import { create } from 'zustand';
import { createJSONStorage, persist, subscribeWithSelector } from 'zustand/middleware';

export const appState = create(
  persist(() => ({ usageCount: 0, lastSeenNewsVersion: 0 }), { name: 'app-state' }),
);
// At import, before anything could have been loaded asynchronously.
appState.setState((state) => ({ usageCount: state.usageCount + 1 }));

export const ui = create(
  subscribeWithSelector(
    persist((set) => ({ theme: 'light', steps: [], setTheme: (theme) => set({ theme }) }), {
      name: 'app-ui',
      version: 3,
      storage: createJSONStorage(() => localStorage),
      migrate: (state, version) => ({ ...state, steps: [`from ${version}`] }),
    }),
  ),
);

/** What the app had in IndexedDB: any storage of its own that answers later. */
const kept = new Map();
const later = {
  getItem: async (name) => kept.get(name) ?? null,
  setItem: async (name, value) => void kept.set(name, value),
  removeItem: async (name) => void kept.delete(name),
};
export const chats = create(
  persist(() => ({ conversations: [] }), { name: 'app-chats', version: 4, storage: later }),
);

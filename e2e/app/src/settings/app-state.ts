// Counts starts of the app. As in the original, this writes while the module is evaluated.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';

interface AppState {
  usageCount: number;
  lastSeenNewsVersion: number;
  chatComposerPrefill: string | null;
}

export const useAppState = create<AppState>()(
  persist((): AppState => ({ usageCount: 0, lastSeenNewsVersion: 0, chatComposerPrefill: null }), {
    name: 'app-state',
  }),
);

useAppState.setState(({ usageCount }) => ({ usageCount: usageCount + 1 }));

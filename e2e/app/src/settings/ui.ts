import { create } from 'zustand';
import { persist } from 'zustand/middleware';

interface UIState {
  preferredLanguage: string;
  centerMode: 'narrow' | 'wide' | 'full';
  complexityMode: 'minimal' | 'pro' | 'extra';
  enterIsNewline: boolean;
  actionCounters: Record<string, number>;
}

export const useUI = create<UIState>()(
  persist(
    (): UIState => ({
      preferredLanguage: navigator.language,
      centerMode: 'wide',
      complexityMode: 'pro',
      enterIsNewline: false,
      actionCounters: {},
    }),
    {
      name: 'app-ui',
      version: 3,
      migrate: (stored, from) => {
        const state = stored as UIState;
        return from < 3 ? { ...state, centerMode: 'wide', complexityMode: 'pro' } : state;
      },
    },
  ),
);

// The app's own log: the last 100 entries are stored.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { createId } from '../ids';

interface LogEntry {
  id: string;
  timestamp: number;
  level: 'info' | 'warn' | 'error';
  source: string;
  message: string;
}

interface LoggerState {
  entries: LogEntry[];
  maxEntries: number;
}

export const useLogger = create<LoggerState>()(
  persist((): LoggerState => ({ entries: [], maxEntries: 200 }), {
    name: 'agi-logger-log',
    partialize: (state) => ({ ...state, entries: state.entries.slice(0, 100) }),
  }),
);

export function log(level: LogEntry['level'], message: string): void {
  const entry: LogEntry = { level, message, source: 'client', id: createId(), timestamp: Date.now() };
  useLogger.setState(({ entries, maxEntries }) => ({ entries: [entry, ...entries].slice(0, maxEntries) }));
}

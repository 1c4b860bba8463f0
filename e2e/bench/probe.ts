// What is installed in the page before any script of it runs: counts what the app writes, and keeps native work
// in functions of its own, so that a CPU profile can tell it from the bridge's.

declare global {
  interface Window {
    __probe: {
      writes: number;
      /** Characters that were put into IndexedDB. */
      written: number;
      /** UTF-8 bytes of the JSON of the messages that changed from one write to the next. */
      changed: number;
      longTasks: { start: number; duration: number }[];
    };
  }
}

/** Functions below that are no work of the bridge's, though it calls them; the profile is read by their names. */
export const NOT_OF_THE_BRIDGE = [
  'nativePutOfChats',
  'nativeStringifyOfChats',
  'nativeParse',
  'nativeSetItemOfTheApp',
  'countChanged',
];

export function installProbe(): void {
  const probe: Window['__probe'] = { writes: 0, written: 0, changed: 0, longTasks: [] };
  window.__probe = probe;
  const { parse, stringify } = JSON;
  const { put } = IDBObjectStore.prototype;
  let seen = new Set<unknown>();

  function nativeStringifyOfChats(args: Parameters<typeof stringify>): string {
    return stringify(...args);
  }

  // Each token of an answer is parsed by the app; what the bridge itself parses meanwhile is a few hundred bytes.
  JSON.parse = function nativeParse(...args: Parameters<typeof parse>) {
    return parse(...args) as unknown;
  };

  // The bridge's own keys are its own affair.
  const { setItem } = Storage.prototype;
  Storage.prototype.setItem = function (key, value) {
    const nativeSetItemOfTheApp = () => setItem.call(this, key, value);
    if (key.startsWith('holdfast')) setItem.call(this, key, value);
    else nativeSetItemOfTheApp();
  };

  function nativePutOfChats(store: IDBObjectStore, args: Parameters<typeof put>): IDBRequest<IDBValidKey> {
    return put.apply(store, args);
  }

  function countChanged(): void {
    const app = (window as Partial<Window>).__app; // not there yet while the bridge fills a new browser
    const messages = app?.chats.getState().conversations[0]?.messages ?? [];
    const fresh = messages.filter((message) => !seen.has(message));
    seen = new Set(messages);
    for (const message of fresh) probe.changed += new TextEncoder().encode(stringify(message)).length;
  }

  JSON.stringify = function (...args: Parameters<typeof stringify>) {
    const value = args[0] as { state?: { conversations?: unknown } } | null | undefined;
    return value?.state?.conversations ? nativeStringifyOfChats(args) : stringify(...args);
  } as typeof stringify;

  IDBObjectStore.prototype.put = function (...args) {
    const [value, key] = args as [unknown, unknown];
    if (key !== 'app-chats' || typeof value !== 'string') return put.apply(this, args);
    probe.writes++;
    probe.written += value.length;
    countChanged();
    return nativePutOfChats(this, args);
  };

  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      probe.longTasks.push({ start: startTime, duration });
  }).observe({ type: 'longtask', buffered: true });
}

/** Counts from here on: what is there now has been written before. */
export function resetProbe(): void {
  const probe = window.__probe;
  Object.assign(probe, { writes: 0, written: 0, changed: 0 });
  probe.longTasks.length = 0;
  performance.clearMarks('write:app-chats');
}

// What the browser had before anything was wrapped. All of the bridge's own work goes through here, so that it never
// meets itself, nor a wrapper that the app or an extension adds later.
/* eslint-disable @typescript-eslint/unbound-method -- they are called with `Reflect.apply` or `call` */

const store = IDBObjectStore.prototype;
const storage = Storage.prototype;

export const native = {
  parse: JSON.parse,
  stringify: JSON.stringify,
  fetch: window.fetch.bind(window),
  open: IDBFactory.prototype.open,
  get: store.get,
  put: store.put,
  add: store.add,
  delete: store.delete,
  clear: store.clear,
  getItem: storage.getItem,
  setItem: storage.setItem,
  removeItem: storage.removeItem,
  clearItems: storage.clear,
};

/** `localStorage` without the wrappers. */
export const local = {
  get: (key: string): string | null => native.getItem.call(localStorage, key),
  /** Throws when the quota is used up. */
  set: (key: string, text: string): void => native.setItem.call(localStorage, key, text),
  remove: (key: string): void => native.removeItem.call(localStorage, key),
  keys: (): string[] => Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i) ?? ''),
};

/** Resolves with what a request of IndexedDB gives. */
export function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('IndexedDB failed')));
  });
}

/** Resolves when a transaction is on disk. */
export function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = () => reject(transaction.error ?? new Error('IndexedDB gave up a transaction'));
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', failed);
  });
}

/** What ends this page's life, in one place. */
export const page = {
  reload(): void {
    location.reload();
  },
};

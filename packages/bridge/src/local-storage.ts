import type { Edit } from '../../client/src/edit.js';
import { costEdits } from '../../client/src/costs.js';
import { local, native } from './native.js';
import { OWN, readOwn } from './own.js';
import { documentOf, isBusy, isDeviceLocal, isStore, METRICS } from './value.js';

/** How long what the app writes all the time waits for its next version. */
const BUSY_MS = 2000;

type DocumentPut = Extract<Edit, { kind: 'document'; op: 'put' }>;

export interface LocalStorageOptions {
  /** Whether writes go to the server. */
  isMirrored: () => boolean;
  add: (edits: Edit[]) => void;
  /** The app emptied localStorage, as it does before it fills it from a backup. */
  onClear: () => void;
}

/**
 * Wraps the methods of localStorage. `localStorage.key = text` and `delete localStorage.key` cannot be wrapped; the app
 * uses neither, and such a value is mirrored when the key is next written by its method.
 */
export function watchLocalStorage({ isMirrored, add, onClear }: LocalStorageOptions) {
  const waiting = new Map<string, string | null>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function changed(key: string, before: string | null): void {
    if (!isMirrored()) return;
    if (!isBusy(key)) {
      add(editsOf(key, before));
      return;
    }
    if (!waiting.has(key)) waiting.set(key, before);
    timer ??= setTimeout(flush, BUSY_MS);
  }

  /** Hands over what waits. */
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const keys = [...waiting];
    waiting.clear();
    if (isMirrored()) add(keys.flatMap(([key, before]) => editsOf(key, before)));
  }

  const isOurs = (storage: Storage, key: string) => storage === localStorage && key.startsWith(OWN);
  const isMirroredStore = (storage: Storage, key: string) => storage === localStorage && isStore(key);

  Storage.prototype.getItem = function (name: unknown): string | null {
    const key = String(name);
    // The app's backups would carry this browser's name to another one.
    return isOurs(this, key) ? null : native.getItem.call(this, key);
  };
  Storage.prototype.setItem = function (name: unknown, value: unknown): void {
    const [key, text] = [String(name), String(value)];
    if (isOurs(this, key)) return;
    const before = isMirroredStore(this, key) ? local.get(key) : null;
    native.setItem.call(this, key, text);
    if (isMirroredStore(this, key) && before !== text) changed(key, before);
  };
  Storage.prototype.removeItem = function (name: unknown): void {
    const key = String(name);
    if (isOurs(this, key)) return;
    const before = isMirroredStore(this, key) ? local.get(key) : null;
    native.removeItem.call(this, key);
    if (before !== null) changed(key, before);
  };
  Storage.prototype.clear = function (): void {
    if (this !== localStorage) return native.clearItems.call(this);
    for (const key of local.keys()) if (!key.startsWith(OWN)) local.remove(key);
    waiting.clear();
    onClear();
  };

  return { flush };
}

/** What a store's new text, which localStorage has already, changes on the server. */
export function editsOf(key: string, before: string | null): Edit[] {
  const isKnown = readOwn().known?.includes(key) ?? false;
  const text = local.get(key);
  if (text === null) return [{ kind: 'document', op: 'delete', id: key, ...whose(key) }];
  const was = before === null ? null : documentOf(before);
  const added = key === METRICS ? costEdits(was, documentOf(text)) : undefined;
  return added ?? [documentEdit(key, text, isKnown ? before : null)];
}

/**
 * All settings of this browser, as edits of stores that the server does not have. Its cost counters only where the
 * server has none: they cannot be told apart from those that it has, which came with the messages anyway.
 */
export function settings(onServer: ReadonlySet<string>): DocumentPut[] {
  const keys = local.keys().filter((key) => isStore(key) && !(key === METRICS && onServer.has(key)));
  return keys.map((key) => documentEdit(key, local.get(key) ?? '', null));
}

function documentEdit(key: string, text: string, before: string | null): DocumentPut {
  const was = before === null ? null : documentOf(before);
  return { kind: 'document', op: 'put', id: key, value: documentOf(text), before: was, ...whose(key) };
}

function whose(key: string): { device?: string } {
  return isDeviceLocal(key) ? { device: readOwn().client } : {};
}

import type { Edit } from '../../client/src/edit.js';
import { costs } from './metrics.js';
import { local, native } from './native.js';
import { OWN, readOwn } from './own.js';
import { documentOf, isBusy, isDeviceLocal, isStore, METRICS } from './value.js';

/** How long what the app writes all the time waits for its next version. */
const BUSY_MS = 2000;

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

  Storage.prototype.getItem = function (key: string): string | null {
    // The app's backups would carry this browser's name to another one.
    return isOurs(this, String(key)) ? null : native.getItem.call(this, key);
  };
  Storage.prototype.setItem = function (key: string, text: string): void {
    if (isOurs(this, String(key))) return;
    const before = isMirroredStore(this, String(key)) ? local.get(key) : null;
    native.setItem.call(this, key, text);
    if (isMirroredStore(this, String(key)) && before !== String(text)) changed(String(key), before);
  };
  Storage.prototype.removeItem = function (key: string): void {
    if (isOurs(this, String(key))) return;
    const before = isMirroredStore(this, String(key)) ? local.get(key) : null;
    native.removeItem.call(this, key);
    if (before !== null) changed(String(key), before);
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
  const { client, known } = readOwn();
  const isKnown = known?.includes(key) ?? false;
  const text = local.get(key);
  const whose = isDeviceLocal(key) ? { device: client } : {};
  if (text === null) return [{ kind: 'document', op: 'delete', id: key, ...whose }];
  const added = key === METRICS ? costs(before, text) : undefined;
  if (added) return added;
  const was = isKnown && before !== null ? documentOf(before) : null;
  return [{ kind: 'document', op: 'put', id: key, value: documentOf(text), before: was, ...whose }];
}

import { equal } from '../../client/src/json.js';
import { mergeJson } from '../../client/src/merge.js';
import type { DocumentValue } from '../../client/src/edit.js';
import type { Entry } from '../../client/src/entry.js';
import { mark, marked, unmark } from './marks.js';
import { pendingCosts, withCosts } from '../../client/src/costs.js';
import { local, native } from './native.js';
import { readOwn, updateOwn } from './own.js';
import type { ServerState, StateStore } from './server.js';
import { documentOf, isDeviceLocal, isSomebodys, isStore, METRICS, textOf } from './value.js';

/** Whether somebody has used the app in this browser, as far as localStorage shows it. */
export function hasSettings(): boolean {
  return local.keys().some(isSomebodys);
}

/**
 * Puts what the server has into localStorage, before the app reads it. What is pending here is merged with it, or, where
 * it comes from a backup that was restored, stands in its place.
 */
export function seed(state: ServerState, isRestored = false): void {
  const own = readOwn();
  const known = new Set(state.reset ? [] : own.known);
  const pending = marked();
  let failures = 0;
  const attempt = (work: () => void) => {
    try {
      work();
    } catch {
      // The quota is used up: the app starts with what is here, and the next start asks again.
      failures += 1;
    }
  };
  for (const store of state.stores.filter(({ name }) => isStore(name))) {
    // One that was lent by another device is no store of ours.
    if (!isDeviceLocal(store.name) || store.device === own.client) known.add(store.name);
    const isPending = pending.some((e) => e.kind === 'document' && e.id === store.name);
    if (!(isRestored && isPending)) attempt(() => seedStore(store, pending, state));
  }
  for (const name of state.removedStores.filter(isStore)) {
    known.delete(name);
    if (!pending.some((e) => e.kind === 'document' && e.id === name)) local.remove(name);
  }
  updateOwn({ known: [...known], ...(failures === 0 ? { cursor: state.cursor } : {}) });
}

function seedStore(store: StateStore, pending: readonly Entry[], state: ServerState): void {
  const { name, data, version, bare, beside } = store;
  const theirs: DocumentValue = {
    data,
    ...(version === undefined || version === null ? {} : { version }),
    ...(bare ? { bare } : {}),
    ...(beside ? { beside } : {}),
  };
  const entry = pending.find((e) => e.kind === 'document' && e.id === name);
  const costs = pendingCosts(pending);
  if (entry) mergePending(entry, theirs, state);
  else if (name === METRICS && costs.length > 0) put(name, textOf(withCosts(theirs, costs)));
  else put(name, textOf(theirs));
}

/** Both sides wrote since they last agreed: what each changed is kept, and goes to the server as ours. */
function mergePending(entry: Entry, theirs: DocumentValue, { cursor }: ServerState): void {
  if (entry.op === 'delete' || entry.body === undefined) return;
  const base: unknown = entry.baseBody === undefined ? undefined : native.parse(entry.baseBody);
  const ours = documentOf(local.get(entry.id) ?? '');
  const merged = mergeJson(base, ours, theirs).value as DocumentValue;
  put(entry.id, textOf(merged));
  if (equal(merged, theirs)) unmark(entry.key);
  else mark({ ...entry, base: cursor, baseBody: native.stringify(theirs) });
}

function put(key: string, text: string): void {
  if (local.get(key) !== text) local.set(key, text);
}

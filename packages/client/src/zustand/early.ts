import { isObject } from '../json.js';
import { mergeJson } from '../merge.js';

/** A `set` that came before the store was loaded: what was passed, and the state before it. */
export interface EarlyWrite {
  args: unknown[];
  before: unknown;
}

/**
 * What an early write passes to `set` once more, now that the stored state is there. An updater is called again, so
 * that a counter counts on from what is stored. Plain values were made from what was there before loading: lists are
 * joined with what is stored by id, so that adding one item does not take away the others.
 */
export function replayed({ args, before }: EarlyWrite, state: unknown): unknown[] {
  const [update, , ...rest] = args;
  if (!isObject(update) || !isObject(state)) return [update, false, ...rest];
  const was = isObject(before) ? before : {};
  const members = Object.entries(update).map(([key, value]): [string, unknown] => {
    const isList = Array.isArray(value) || isObject(value);
    return [key, isList ? mergeJson(was[key], value, state[key]).value : value];
  });
  return [Object.fromEntries(members), false, ...rest];
}

import { equal, has, isObject } from '../json.js';

/** Where two JSON values differ, as paths such as `conversations.abc.messages.m1.fragments`; no values. */
export function differences(a: unknown, b: unknown, most = 20): string[] {
  const found: string[] = [];
  walk(a, b, '', found, most);
  return found;
}

function walk(a: unknown, b: unknown, path: string, found: string[], most: number): void {
  if (found.length >= most || equal(a, b)) return;
  const [left, right] = [membersOf(a), membersOf(b)];
  if (!left || !right) {
    found.push(path);
    return;
  }
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    walk(left.get(key), right.get(key), path === '' ? key : `${path}.${key}`, found, most);
  }
  // The same things in another order.
  if (found.length === 0) found.push(path);
}

/** Members by name; items of a list by their id, or by their place where one has none. */
function membersOf(value: unknown): Map<string, unknown> | undefined {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const keys = items.map((item, i) =>
      isObject(item) && typeof item['id'] === 'string' ? item['id'] : String(i),
    );
    return new Map(keys.map((key, i) => [key, items[i]]));
  }
  if (!isObject(value)) return undefined;
  return new Map(Object.keys(value).flatMap((key) => (has(value, key) ? [[key, value[key]] as const] : [])));
}

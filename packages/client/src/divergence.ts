import type { Edit } from './edit.js';
import { keyOf, type Entry } from './entry.js';
import { mergeJson } from './merge.js';
import type { Resolution } from './resolve.js';

/**
 * What the server has instead of what a running app holds, after a merge that the app was not told of. Its later
 * edits start from its own view: here they are brought into what the server has, so that they undo nothing.
 */
export class Divergence {
  readonly #values = new Map<string, unknown>();
  /** Messages whose other text stands under their id, and where ours went. */
  readonly #siblings = new Map<string, string>();

  note(entry: Entry, { server, sibling }: Resolution): void {
    if (sibling !== undefined) this.#siblings.set(entry.key, sibling);
    else if (server !== undefined) this.#values.set(entry.key, server);
  }

  bring(edit: Edit): Edit {
    if (edit.op === 'delete') return edit;
    if (edit.kind === 'message') {
      const sibling = this.#siblings.get(keyOf(edit));
      if (sibling !== undefined)
        return { ...edit, id: sibling, value: { ...(edit.value as object), id: sibling } };
    }
    if (edit.kind !== 'message' && edit.kind !== 'document') return edit;
    const key = keyOf(edit);
    if (!this.#values.has(key)) return edit;
    const merged = mergeJson(edit.before, edit.value, this.#values.get(key)).value;
    this.#values.set(key, merged);
    return { ...edit, value: merged } as Edit;
  }
}

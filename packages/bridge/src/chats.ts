import type { Conversation } from '../../client/src/chat.js';
import { diffChats } from '../../client/src/diff.js';
import type { Edit } from '../../client/src/edit.js';
import { isObject } from '../../client/src/json.js';
import { native } from './native.js';

/** The app's persisted chats: `{state: {conversations}, version}`. */
interface Persisted {
  state: { conversations: Conversation[] };
  version?: number;
}

function isPersisted(value: unknown): value is Persisted {
  return isObject(value) && isObject(value['state']) && Array.isArray(value['state']['conversations']);
}

/**
 * Follows the app's chats by the objects behind their text: from the text that the app reads and parses, to the objects
 * that it makes its next text of. Parts that it did not touch keep their identity, so a write costs what changed.
 */
export class Chats {
  /** What the outbox was told last; nothing until the app has read its chats. */
  #told: readonly Conversation[] = [];
  #isRead = false;
  /** The text that the app was given and will parse. */
  #given: string | undefined;
  #written: { text: string; value: Persisted } | undefined;
  /** Brings what the browser has not yet into the app's list, in place. */
  #overlay: ((list: Conversation[]) => void) | undefined;
  #version: number | undefined;

  /** Whether the app holds its chats in memory. */
  get isRead(): boolean {
    return this.#isRead;
  }

  get conversations(): readonly Conversation[] {
    return this.#told;
  }

  /** The `version` of what the app read or wrote last. */
  get version(): number | undefined {
    return this.#version;
  }

  /** Changes what the app finds in the text that it reads next. */
  setOverlay(overlay: (list: Conversation[]) => void): void {
    this.#overlay = overlay;
  }

  /** The app was given this text out of its database. */
  given(text: unknown): void {
    if (typeof text !== 'string') this.#isRead = true;
    else if (!this.#isRead) this.#given = text;
  }

  /** Wraps `JSON.parse` and `JSON.stringify`. */
  watchJson(): void {
    const { parse, stringify } = native;
    const parseAndSee = (
      text: string,
      reviver?: (this: unknown, key: string, value: unknown) => unknown,
    ): unknown => {
      const value: unknown = parse(text, reviver);
      // The same text is mostly the same string: comparing costs nothing.
      if (this.#given !== undefined && text === this.#given) this.#parsed(value);
      // Each token of an answer is parsed, and nothing of it concerns us.
      if (this.#isRead && JSON.parse === parseAndSee) JSON.parse = parse;
      return value;
    };
    JSON.parse = parseAndSee;
    JSON.stringify = (value: unknown, ...rest: unknown[]): string => {
      const text = (stringify as (...all: unknown[]) => string)(value, ...rest);
      if (isPersisted(value)) this.#written = { text, value };
      return text;
    };
  }

  /** What changed since the last write, by the text that the app writes now. Deletes of most chats at once are `doubtful`. */
  diff(text: string): { edits: Edit[]; doubtful: Edit[] } {
    const value = this.#written?.text === text ? this.#written.value : (native.parse(text) as unknown);
    this.#written = undefined;
    if (!isPersisted(value)) return { edits: [], doubtful: [] };
    this.#version = value.version;
    const now = this.#withoutEmpty(value.state.conversations);
    const edits = diffChats(this.#told, now);
    const isDelete = ({ kind, op }: Edit) => kind === 'conversation' && op === 'delete';
    const deletes = edits.filter(isDelete);
    const isDoubtful = deletes.length > 10 && deletes.length > this.#told.length / 2;
    this.#told = now;
    if (!isDoubtful) return { edits, doubtful: [] };
    return { edits: edits.filter((e) => !isDelete(e)), doubtful: deletes };
  }

  /** The app keeps an empty chat when it has no other: each new browser would put one on the server. */
  #withoutEmpty(list: readonly Conversation[]): readonly Conversation[] {
    // A loop, and mostly no copy: this runs over all chats at every write.
    for (const conversation of list) {
      if (!isEmpty(conversation)) continue;
      return list.filter((c) => !isEmpty(c) || this.#told.some(({ id }) => id === c.id));
    }
    return list;
  }

  #parsed(value: unknown): void {
    this.#given = undefined;
    this.#isRead = true;
    if (!isPersisted(value)) return;
    const { conversations } = value.state;
    this.#version = value.version;
    this.#overlay?.(conversations);
    this.#overlay = undefined;
    // The empty chat that the app kept for lack of another is not on the server.
    this.#told = conversations.filter((c) => !isEmpty(c));
  }
}

/** The conversations in a text of the app's, without empty ones. */
export function readChats(text: string | undefined): Conversation[] {
  const value: unknown = text === undefined ? undefined : native.parse(text);
  return isPersisted(value) ? value.state.conversations.filter((c) => !isEmpty(c)) : [];
}

/** As the app's own rule has it. */
function isEmpty(conversation: Conversation): boolean {
  const { messages, userTitle, autoTitle } = conversation;
  return !(Array.isArray(messages) && messages.length > 0) && !userTitle && !autoTitle;
}

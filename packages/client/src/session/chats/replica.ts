import type { Conversation, Message } from '../../chat.js';
import { earlier, epochOf, later, seqOf, type Cursor } from '../../cursor.js';
import { diffChats } from '../../diff.js';
import type { Entry } from '../../entry.js';
import { HoldfastError } from '../../error.js';
import { equal } from '../../json.js';
import { mergeJson } from '../../merge.js';
import type { Outbox } from '../../outbox.js';
import type { Resolution } from '../../resolve.js';
import { Unreachable, type Transport } from '../../transport.js';
import { AckClock } from '../ack-clock.js';
import type { Database } from '../database.js';
import { Pace } from '../pace.js';
import { isOfChats, type FeedChange, type Replica } from '../replica.js';
import { Serial } from '../serial.js';
import type { TabOutbox } from '../tab-outbox.js';
import { ChatCache, type Cached } from './cache.js';
import { byConversation, conversationOf, overlay, reusing } from './overlay.js';
import {
  NO_ENVELOPE,
  readAll,
  readThese,
  readTouched,
  touchedBy,
  writeEnvelope,
  type Envelope,
} from './server.js';
import { shownIn, type Shown } from './show.js';
import { takeOver } from './take-over.js';

/** While an answer streams, its message is written so often. */
const PACE_MS = 300;
/** A conversation is written to the cache when nothing of it has changed for so long. */
const QUIET_MS = 3_000;

export interface ChatsOptions {
  transport: Transport;
  outbox: () => Outbox;
  entries: TabOutbox;
  database: Promise<Database>;
  clientId: string;
  onLoaded: () => void;
}

export interface LoadedChats {
  conversations: Conversation[];
  envelope: Envelope;
}

type Receive = (patch: (list: readonly Conversation[]) => Conversation[]) => void;

/** The conversations: what the app has of them, what the server has, and the copy that this browser keeps. */
export class Chats implements Replica {
  readonly #options: ChatsOptions;
  readonly #cache: ChatCache;
  readonly #pace = new Pace(() => this.#handOver(), PACE_MS);
  readonly #cursorPace = new Pace(() => this.#saveCursor(), 1_000);
  /** Conversations of which something changed elsewhere while writes of ours were on their way: what was seen. */
  readonly #behind = new Map<string, Cursor | null>();
  readonly #quiet = new Map<string, { timer: ReturnType<typeof setTimeout>; at: Cursor }>();
  readonly #places = new Map<string, number>();
  readonly #clock = new AckClock();
  readonly #serial = new Serial();
  #handed: readonly Conversation[] = [];
  #next: readonly Conversation[] = [];
  #envelope: Envelope = NO_ENVELOPE;
  #isLoaded = false;
  #isEnvelopeSaved = true;
  #cursor: Cursor | null = null;
  #receive: Receive | undefined;

  constructor(options: ChatsOptions) {
    this.#options = options;
    this.#cache = new ChatCache(options.database);
  }

  get cursor(): Cursor | null {
    return this.#cursor;
  }

  /**
   * Reads the copy of this browser and asks for what changed since. `own`: a list that the app kept elsewhere until
   * now. Rejects when the server does not answer and there is no copy.
   */
  async load(own?: readonly Conversation[]): Promise<LoadedChats> {
    if (!this.#isLoaded) {
      await this.#load(own);
      this.#isLoaded = true;
      this.#options.onLoaded();
    }
    this.#pace.now();
    return { conversations: [...this.#next], envelope: this.#envelope };
  }

  async #load(own: readonly Conversation[] | undefined): Promise<void> {
    await this.#options.outbox().ready;
    const cached = await this.#cache.read();
    const pending = await this.#options.entries.all().catch(() => this.#options.outbox().pending());
    const base = this.#viewOf(cached, pending);
    const found = await this.#catchUpFrom(cached);
    // Only now: what the feed tells while the list is read is asked for afterwards.
    this.#cursor = (found ?? cached).cursor;
    this.#handed = found ? this.#viewOf(found, pending) : base;
    this.#next = own ? takeOver(base, own, this.#handed, () => crypto.randomUUID()) : this.#handed;
    if (own) this.#pace.ask();
  }

  /** Whether the chats live on the server, or still in a storage of the app's own. */
  async livesHere(): Promise<boolean> {
    return (await this.#cache.home()) === 'server';
  }

  async settle(home: 'server' | 'browser'): Promise<void> {
    this.#pace.now();
    await this.#cache.setHome(home).catch(() => undefined);
  }

  /** The copy of this browser with everything that was written on it, without asking the server. */
  async readCopy(): Promise<LoadedChats> {
    const cached = await this.#cache.read();
    const pending = await this.#options.entries.all();
    return { conversations: this.#viewOf(cached, pending), envelope: cached.envelope ?? NO_ENVELOPE };
  }

  /** From now on edits are told from a list of the app's own, which others do not write. */
  continueFrom(own: readonly Conversation[]): void {
    this.#pace.now();
    this.#handed = this.#next = own;
  }

  write(conversations: readonly Conversation[], envelope: Envelope): void {
    if (!equal(envelope, this.#envelope)) this.#changeEnvelope(envelope);
    if (conversations === this.#next) return;
    this.#next = conversations;
    this.#pace.ask();
  }

  subscribe(receive: Receive): () => void {
    this.#receive = receive;
    return () => {
      if (this.#receive === receive) this.#receive = undefined;
    };
  }

  /** The conversation as it was last handed over. */
  find(id: string): Conversation | undefined {
    return this.#handed.find((c) => c.id === id);
  }

  commit(): void {
    this.#pace.now();
    this.#cursorPace.now();
    for (const id of this.#quiet.keys()) this.#saveQuiet(id);
  }

  seen(entity: Pick<Entry, 'id' | 'parent'>): Cursor | null {
    const id = conversationOf(entity);
    return this.#behind.has(id) ? (this.#behind.get(id) ?? null) : this.#cursor;
  }

  async changed(changes: readonly FeedChange[], at: Cursor): Promise<void> {
    const before = this.#cursor;
    if (before === null) return;
    const isNew = (c: FeedChange) => epochOf(before) !== epochOf(at) || c.seq > seqOf(before);
    const foreign = changes.filter((c) => c.client !== this.#options.clientId && isNew(c));
    const ids = new Set(touchedBy(foreign));
    if (ids.size > 0) await this.#serial.run(() => this.#readAndBring(ids, at, before));
    this.#advance(at);
    // What could not be read when it was due.
    if (this.#receive) for (const id of this.#behind.keys()) this.#seeBehind(id);
    this.#retryEnvelope();
  }

  /** After a restore: the whole list is read anew. Before the first load there is nothing to refresh. */
  refresh(): Promise<void> {
    return this.#serial.run(() => this.#refresh());
  }

  async #refresh(): Promise<void> {
    if (this.#cursor === null) return;
    const asked = this.#clock.now;
    const { conversations, envelope, at } = await readAll(this.#options.transport);
    const gone = this.#handed.map((c): [string, null] => [c.id, null]);
    const before = this.#cursor;
    await this.#bring(new Map([...gone, ...conversations.map((c) => [c.id, c] as const)]), at, before, asked);
    this.#envelope = envelope;
    this.#cursor = at;
    this.#cursorPace.ask();
  }

  /** Writes of a closed tab are sent by this one. The app has not seen them: what they make is read afterwards. */
  onAdopted(entry: Entry): void {
    const id = conversationOf(entry);
    if (this.#cursor !== null && !this.#behind.has(id)) this.#behind.set(id, this.#cursor);
  }

  onAcknowledged(entry: Entry, revision: Cursor): void {
    const id = conversationOf(entry);
    this.#clock.acknowledged(id);
    this.#wait(id, revision);
    this.#seeBehind(id);
  }

  onResolved(entry: Entry, resolution: Resolution): boolean {
    const id = conversationOf(entry);
    const { server, sibling, entries } = resolution;
    if (!this.#receive || server === undefined) return false;
    if (entry.op === 'delete') {
      // Somebody changed what was deleted here: it comes back, at its place.
      this.#behind.set(id, this.seen(entry));
      this.#seeBehind(id);
      return true;
    }
    const was = this.find(id);
    if (entry.kind === 'conversation') return this.#show(new Map([[id, server as Conversation]]));
    const mine = was?.messages.find((m) => m.id === entry.id);
    // An answer that still streams goes on under its id: its later texts are brought to the sibling on their way.
    if (!was || !mine || (sibling !== undefined && mine['pendingIncomplete'])) return false;
    const beside = entries.find((e) => e.id === sibling)?.body;
    const theirs = mergeJson(JSON.parse(entry.body ?? 'null'), mine, server).value as Message;
    const instead = beside === undefined ? [theirs] : [server as Message, JSON.parse(beside) as Message];
    const messages = was.messages.flatMap((m) => (m === mine ? instead : [m]));
    return this.#show(new Map([[id, { ...was, messages }]]));
  }

  #viewOf(cached: Pick<Cached, 'chats' | 'journal'>, pending: readonly Entry[]): Conversation[] {
    const made = [...cached.journal, ...pending].filter((e) => isOfChats(e.kind));
    const list = new Map(cached.chats.map((c) => [c.id, c.value]));
    for (const { id, place } of cached.chats) this.#places.set(id, place);
    const fresh: string[] = [];
    for (const [id, entries] of byConversation(made)) {
      const value = overlay(list.get(id), entries);
      if (value && !list.has(id)) fresh.push(id);
      if (value) list.set(id, value);
      else list.delete(id);
    }
    const first = fresh.flatMap((id) => list.get(id) ?? []).reverse();
    return [...first, ...[...list.values()].filter((c) => !first.includes(c))];
  }

  /** Brings the copy to where the server is; nothing when the server does not answer and the copy has to do. */
  async #catchUpFrom(cached: Cached): Promise<Cached | undefined> {
    const { transport } = this.#options;
    this.#envelope = cached.envelope ?? NO_ENVELOPE;
    this.#isEnvelopeSaved = cached.isEnvelopeSaved;
    try {
      const touched = cached.cursor === null ? undefined : await readTouched(transport, cached.cursor);
      if (cached.cursor === null || !touched) return await this.#readAll();
      const found = await readThese(transport, touched.ids, cached.cursor);
      return this.#keep(cached, found, touched.at);
    } catch (error) {
      const isAway = error instanceof Unreachable || error instanceof HoldfastError;
      if (cached.cursor === null || !isAway) throw error;
      return undefined;
    }
  }

  async #readAll(): Promise<Cached> {
    const { conversations, envelope, at } = await readAll(this.#options.transport);
    this.#envelope = envelope;
    const chats = conversations.map((value, place) => ({ id: value.id, place, at, value }));
    this.#background(this.#cache.write(new Map(chats.map((c) => [c.id, c])), at, at, true));
    this.#background(this.#cache.writeEnvelope(envelope, true));
    return { cursor: at, envelope, isEnvelopeSaved: true, chats, journal: [] };
  }

  /** The copy with what was read; written in the background. */
  #keep(cached: Cached, found: ReadonlyMap<string, Conversation | null>, at: Cursor): Cached {
    const chats = new Map(cached.chats.map((c) => [c.id, c]));
    for (const { id, place } of cached.chats) this.#places.set(id, place);
    for (const [id, value] of [...found].reverse()) {
      if (value) chats.set(id, { id, value, at, place: this.#place(id) });
      else chats.delete(id);
    }
    const records = [...found.keys()].map((id) => [id, chats.get(id) ?? null] as const);
    this.#background(this.#cache.write(new Map(records), at, at));
    const journal = cached.journal.filter((e) => !found.has(e.conversation));
    const sorted = [...chats.values()].sort((a, b) => a.place - b.place);
    return { ...cached, cursor: at, chats: sorted, journal };
  }

  #place(id: string): number {
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    const place = Math.min(0, ...this.#places.values()) - 1;
    this.#places.set(id, place);
    return place;
  }

  #handOver(): void {
    const edits = diffChats(this.#handed, this.#next);
    this.#handed = this.#next;
    if (edits.length === 0) return;
    for (const edit of edits) if (edit.kind === 'conversation') this.#place(edit.id);
    // The outbox tells in its status when it cannot keep an edit.
    this.#background(this.#options.outbox().add(edits));
  }

  /** Takes in what others wrote. Writes of ours that are pending stay on top of it. */
  async #bring(
    found: ReadonlyMap<string, Conversation | null>,
    at: Cursor,
    before: Cursor | null,
    asked: number,
  ): Promise<void> {
    this.#pace.now();
    const pending = byConversation(this.#pendingOfChats());
    const shown = new Map<string, Conversation | null>();
    const records = new Map<string, { place: number; at: Cursor; value: Conversation } | null>();
    for (const [id, theirs] of found) {
      const ours = pending.get(id) ?? [];
      if (this.#clock.isStale(id, asked)) {
        // A write of ours was acknowledged meanwhile, which this may not have yet.
        if (!this.#behind.has(id)) this.#behind.set(id, before);
        this.#seeBehind(id);
        continue;
      }
      records.set(id, theirs && { place: this.#place(id), at, value: theirs });
      if ((ours.length > 0 || !this.#receive) && !this.#behind.has(id)) this.#behind.set(id, before);
      // What was deleted elsewhere while it was edited here is brought back by the outbox.
      if (theirs === null && ours.length > 0) continue;
      shown.set(id, overlay(theirs ?? undefined, ours) ?? null);
    }
    if (this.#receive) this.#show(shown);
    // Only after the copy has it may the cursor move on.
    await this.#cache.write(records, at).catch(() => undefined);
  }

  #show(found: ReadonlyMap<string, Conversation | null>): boolean {
    const shown: [string, { was: Conversation | undefined; now: Conversation | null }][] = [];
    for (const [id, next] of found) {
      const was = this.find(id);
      const now = next && reusing(was, next);
      if (was !== (now ?? undefined)) shown.push([id, { was, now }]);
    }
    if (shown.length === 0) return true;
    const changes: Shown = new Map(shown);
    const isHandedOver = this.#handed === this.#next;
    this.#handed = shownIn(this.#handed, changes);
    this.#next = isHandedOver ? this.#handed : shownIn(this.#next, changes);
    this.#receive?.((list) => shownIn(list, changes));
    return true;
  }

  /** When the last write of ours is done, what was skipped or shown under it is read once more. */
  #seeBehind(id: string): void {
    if (!this.#behind.has(id)) return;
    // The outbox takes an entry out after it has told of it.
    queueMicrotask(() => {
      this.#background(
        this.#serial.run(async () => {
          const at = this.#cursor;
          const isPending = this.#pendingOfChats().some((e) => conversationOf(e) === id);
          if (at === null || isPending || !this.#behind.has(id)) return;
          const seen = this.#behind.get(id) ?? at;
          this.#behind.delete(id);
          await this.#readAndBring(new Set([id]), at, seen).catch((error: unknown) => {
            this.#behind.set(id, seen);
            throw error;
          });
        }),
      );
    });
  }

  async #readAndBring(ids: ReadonlySet<string>, at: Cursor, before: Cursor): Promise<void> {
    const asked = this.#clock.now;
    await this.#bring(await readThese(this.#options.transport, ids, before), at, before, asked);
  }

  #pendingOfChats(): Entry[] {
    return this.#options
      .outbox()
      .pending()
      .filter((e) => isOfChats(e.kind));
  }

  #wait(id: string, at: Cursor): void {
    const old = this.#quiet.get(id);
    clearTimeout(old?.timer);
    const timer = setTimeout(() => this.#saveQuiet(id), QUIET_MS);
    this.#quiet.set(id, { timer, at: later(old?.at ?? null, at) });
  }

  #saveQuiet(id: string): void {
    const quiet = this.#quiet.get(id);
    clearTimeout(quiet?.timer);
    this.#quiet.delete(id);
    const value = this.find(id);
    if (!quiet) return;
    const record = value ? { place: this.#place(id), at: quiet.at, value } : null;
    this.#background(this.#cache.write(new Map([[id, record]]), quiet.at));
  }

  #changeEnvelope(envelope: Envelope): void {
    this.#envelope = envelope;
    this.#isEnvelopeSaved = false;
    this.#background(this.#cache.writeEnvelope(envelope, false));
    this.#retryEnvelope();
  }

  #retryEnvelope(): void {
    if (this.#isEnvelopeSaved) return;
    const saved = this.#envelope;
    this.#background(
      writeEnvelope(this.#options.transport, saved).then(async () => {
        if (this.#envelope !== saved) return;
        this.#isEnvelopeSaved = true;
        await this.#cache.writeEnvelope(saved, true);
      }),
    );
  }

  #saveCursor(): void {
    // What was seen and not taken in, the next page has to be told again.
    const at = [...this.#behind.values()].reduce(earlier, this.#cursor);
    if (at !== null) this.#background(this.#cache.write(new Map(), at, at));
  }

  #advance(at: Cursor): void {
    const now = this.#cursor;
    if (now === null || (epochOf(now) === epochOf(at) && seqOf(now) >= seqOf(at))) return;
    this.#cursor = at;
    this.#cursorPace.ask();
  }

  /** The copy is a convenience: when it cannot be written, the next visit asks the server for more. */
  #background(work: Promise<unknown>): void {
    work.catch(() => undefined);
  }
}

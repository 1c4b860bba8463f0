import { later, type Cursor } from './cursor.js';
import { deliver, type Delivery } from './delivery.js';
import { Divergence } from './divergence.js';
import type { Edit, HeadPatch } from './edit.js';
import { baseTextOf, existed, joinPatches, keyOf, succeed, textOf, type Entry } from './entry.js';
import { KEEPALIVE_BYTES } from './keepalive.js';
import { Observable } from './observable.js';
import { createResolver, type Resolution } from './resolve.js';
import { Unreachable, type Transport } from './transport.js';

/** Where pending writes are kept over reloads. */
export interface OutboxStorage {
  load(): Promise<Entry[]>;
  /** Both in one transaction. */
  write(put: Entry[], remove: string[]): Promise<void>;
}

/** What an entry is of. */
export type Entity = Pick<Entry, 'kind' | 'id' | 'parent'>;

/** Something that both sides had changed. Nothing of it is lost: `kept` says where ours went. */
export interface Conflict {
  kind: string;
  id: string;
  parent?: string;
  /** Where ours is: a sibling message, in place (theirs is in history), or nowhere (our delete was not made). */
  kept: 'sibling' | 'merged' | 'theirs';
  at: number;
}

export interface OutboxStatus {
  state: 'idle' | 'saving' | 'offline' | 'conflict' | 'failed';
  /** Writes that the server has not acknowledged. */
  pending: number;
  conflicts: readonly Conflict[];
  /** What is wrong, and what the reader can do. */
  problem?: string;
}

export interface OutboxOptions {
  storage: OutboxStorage;
  transport: Transport;
  /** Up to where the app has what the server has of an entity: the base of edits of what was not written since. */
  seen: (entity: Entity) => Cursor | null;
  /** The record of an asset, where its entry came from an earlier visit. */
  readAsset?: (id: string) => Promise<unknown>;
  /** A whole conversation as the app has it now, to bring one back that was deleted elsewhere. */
  readConversation?: (id: string) => unknown;
  /** The server acknowledged a write. */
  onAcknowledged?: (entry: Entry, revision: Cursor) => void;
  /**
   * The server has, or is about to get, something else than what was written: both sides' work, merged. Answers
   * whether the app holds it from now on; otherwise later edits are brought into it on their way.
   */
  onResolved?: (entry: Entry, resolution: Resolution) => boolean;
  newId?: () => string;
}

/** The longest pause between two tries. */
const LONGEST_PAUSE_MS = 30_000;

/**
 * The writes that the server has not acknowledged: one entry per entity, in the order of their first edit, kept over
 * reloads, sent one batch at a time and tried again until they arrive.
 */
export class Outbox {
  readonly status = new Observable<OutboxStatus>({ state: 'idle', pending: 0, conflicts: [] });
  /** Entries of an earlier visit are here from then on. */
  readonly ready: Promise<void>;

  readonly #options: OutboxOptions;
  readonly #resolve: ReturnType<typeof createResolver>;
  readonly #entries = new Map<string, Entry>();
  readonly #assets = new Map<string, () => Promise<unknown>>();
  readonly #acknowledged = new Map<string, Cursor>();
  readonly #diverged = new Divergence();
  /** Keys of what is on its way. */
  readonly #sending = new Set<string>();
  #sendingBytes = 0;
  #conflicts: readonly Conflict[] = [];
  #order = 0;
  #tries = 0;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #problem: { state: 'offline' | 'failed'; text: string } | undefined;
  #stored: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#resolve = createResolver(options);
    this.ready = this.#load();
  }

  /** Takes edits in. They are in storage when the returned promise resolves, and are sent in the background. */
  add(edits: readonly Edit[]): Promise<void> {
    const changed = new Set<string>();
    const removed = new Set<string>();
    for (const edit of edits) this.#take(edit, changed, removed);
    return this.#changed(changed, removed);
  }

  /** Whether a write of this entity is pending. */
  has(entity: Entity): boolean {
    return this.#entries.has(keyOf(entity));
  }

  /** Pending writes, in the order in which they are sent. */
  pending(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Sends now, without waiting out a pause; resolves when nothing is pending or a try has failed. */
  async flush(): Promise<void> {
    await this.ready;
    this.#wake?.();
    await (this.#running ?? this.#run());
    await this.#stored;
  }

  /** Sends what a closing page may still send. The rest is in storage and arrives at the next visit. */
  flushOnHide(): void {
    const waiting = this.#waiting().filter((e) => !this.#sending.has(e.key));
    const room = KEEPALIVE_BYTES - this.#sendingBytes;
    void this.#send(waiting, room).catch(() => undefined);
  }

  /** Forgets the conflicts that were shown. */
  dismissConflicts(): void {
    this.#conflicts = [];
    this.#report();
  }

  /** Gives up writes that the server refused for good. */
  async discardRejected(): Promise<void> {
    const keys = this.pending().flatMap((e) => (e.rejected ? [e.key] : []));
    await this.#changed(new Set(), new Set(keys));
  }

  /** Sends nothing more. Pending writes stay in storage. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  /** Takes over writes that were left behind by another tab. They are sent before what is pending here. */
  adopt(entries: readonly Entry[]): Promise<void> {
    return this.#changed(new Set(this.#precede(entries)), new Set());
  }

  async #load(): Promise<void> {
    this.#precede(await this.#options.storage.load());
    this.#report();
    this.#start();
  }

  /** Puts earlier entries before those that are here: these are later, and go on from what the others are based on. */
  #precede(earlier: readonly Entry[]): string[] {
    const here = this.pending();
    const sorted = [...earlier].sort((a, b) => a.order - b.order);
    this.#entries.clear();
    for (const entry of sorted) this.#entries.set(entry.key, entry);
    for (const entry of here) {
      const old = this.#entries.get(entry.key);
      this.#entries.set(entry.key, old ? succeed(old, entry) : entry);
    }
    this.#order = Math.max(this.#order, ...sorted.map((e) => e.order + 1));
    return sorted.map((e) => e.key);
  }

  #take(found: Edit, changed: Set<string>, removed: Set<string>): void {
    const edit = this.#diverged.bring(found);
    if (this.#isInPendingWhole(edit, changed)) return;
    const key = keyOf(edit);
    if (edit.kind === 'conversation') this.#dropParts(edit.id, removed);
    if (edit.kind === 'asset' && edit.op === 'put') this.#assets.set(key, edit.record);
    const old = this.#entries.get(key);
    if (edit.op === 'delete' && old?.base === null && !this.#sending.has(key)) {
      // The server never saw it.
      this.#entries.delete(key);
      removed.add(key);
      return;
    }
    const entry = old ? this.#replace(old, edit) : this.#create(key, edit);
    this.#entries.set(key, entry);
    removed.delete(key);
    changed.add(key);
  }

  /** An edit inside of a conversation that is itself waiting to be sent whole becomes part of that. */
  #isInPendingWhole(edit: Edit, changed: Set<string>): boolean {
    if (edit.kind !== 'head' && edit.kind !== 'message') return false;
    const key = keyOf({ kind: 'conversation', id: edit.kind === 'head' ? edit.id : edit.parent });
    const whole = this.#entries.get(key);
    if (whole?.op !== 'put' || this.#sending.has(key)) return false;
    const body = JSON.stringify(edit.whole);
    this.#entries.set(key, unrejected({ ...whole, body, version: whole.version + 1 }));
    changed.add(key);
    return true;
  }

  /** What is written or deleted whole needs no writes of its parts. */
  #dropParts(conversation: string, removed: Set<string>): void {
    for (const entry of this.pending()) {
      const of = entry.kind === 'message' ? entry.parent : entry.kind === 'head' ? entry.id : undefined;
      if (of !== conversation) continue;
      this.#entries.delete(entry.key);
      removed.add(entry.key);
    }
  }

  #create(key: string, edit: Edit): Entry {
    const { kind, op, id } = edit;
    const body = textOf(edit);
    const baseBody = baseTextOf(edit);
    const base = existed(edit) ? this.#baseOf(key, edit) : null;
    return {
      key,
      order: this.#order++,
      kind,
      op,
      id,
      base,
      version: 0,
      ...('parent' in edit ? { parent: edit.parent } : {}),
      ...('device' in edit ? { device: edit.device } : {}),
      ...('after' in edit ? { after: edit.after } : {}),
      ...(body === undefined ? {} : { body }),
      ...(baseBody === undefined ? {} : { baseBody }),
    };
  }

  /** A later edit of the same entity: it keeps its place in the order and what it is based on. */
  #replace(old: Entry, edit: Edit): Entry {
    const { body: oldBody, ...rest } = unrejected(old);
    const next: Entry = { ...rest, op: edit.op, version: old.version + 1 };
    if (edit.kind === 'head') {
      const patch =
        oldBody === undefined ? edit.value : joinPatches(JSON.parse(oldBody) as HeadPatch, edit.value);
      const was = JSON.parse(old.baseBody ?? '{"set":{},"unset":[]}') as HeadPatch;
      return {
        ...next,
        body: JSON.stringify(patch),
        baseBody: JSON.stringify(joinPatches(edit.before, was)),
      };
    }
    const body = textOf(edit);
    return body === undefined ? next : { ...next, body };
  }

  #baseOf(key: string, entity: Entity): Cursor | null {
    const id = entity.kind === 'message' ? entity.parent : entity.kind === 'head' ? entity.id : undefined;
    // A conversation that was written whole says the same of each of its parts.
    const whole = id === undefined ? undefined : keyOf({ kind: 'conversation', id });
    const known = [key, whole].map((of) => (of === undefined ? undefined : this.#acknowledged.get(of)));
    return [...known, this.#options.seen(entity)].reduce<Cursor | null>(
      (latest, at) => (at ? later(latest, at) : latest),
      null,
    );
  }

  #changed(changed: Set<string>, removed: Set<string>): Promise<void> {
    for (const key of removed) this.#entries.delete(key);
    const put = [...changed].flatMap((key) => this.#entries.get(key) ?? []);
    const wrote = this.#options.storage.write(put, [...removed]);
    this.#stored = Promise.all([this.#stored, wrote]).then(
      () => undefined,
      (cause: unknown) => {
        // The writes are still in memory and on their way; only a reload would lose them.
        this.#problem = {
          state: 'failed',
          text: `This browser cannot keep unsent changes: ${String(cause)}`,
        };
        this.#report();
      },
    );
    this.#report();
    this.#start();
    return wrote;
  }

  #start(): void {
    if (!this.#isStopped()) void this.#run();
  }

  #waiting(): Entry[] {
    return this.pending().filter((e) => !e.rejected);
  }

  #run(): Promise<void> {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #drain(): Promise<void> {
    await this.ready;
    // What is edited in the same task goes together.
    await Promise.resolve();
    while (!this.#isStopped() && this.#waiting().length > 0) {
      try {
        await this.#send(this.#waiting(), undefined);
        this.#tries = 0;
        this.#problem = undefined;
      } catch (error) {
        if (this.#isStopped()) return;
        this.#problem = problemOf(error);
        this.#report();
        this.#pause();
        return;
      }
      this.#report();
    }
  }

  /** Tries again after a while: longer each time, and not at the same moment as every other browser. */
  #pause(): void {
    const most = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.#tries++);
    const timer = setTimeout(() => this.#wake?.(), most * (0.5 + Math.random() / 2));
    this.#wake = () => {
      this.#wake = undefined;
      clearTimeout(timer);
      this.#start();
    };
  }

  /** Sends the first entries, in one batch or alone. `room`: only what fits into so many bytes, as the page closes. */
  async #send(entries: Entry[], room: number | undefined): Promise<void> {
    const delivery = deliver(this.#options.transport, entries, {
      room,
      readAsset: (entry) => this.#assets.get(entry.key)?.() ?? this.#options.readAsset?.(entry.id),
    });
    if (!delivery) return;
    for (const entry of delivery.entries) this.#sending.add(entry.key);
    this.#sendingBytes += delivery.bytes;
    this.#report();
    try {
      await this.#settle(delivery);
    } finally {
      for (const entry of delivery.entries) this.#sending.delete(entry.key);
      this.#sendingBytes -= delivery.bytes;
    }
  }

  async #settle(delivery: Delivery): Promise<void> {
    const answer = await delivery.answer();
    const [changed, removed] = [new Set<string>(), new Set<string>()];
    for (const { entry, revision } of answer.acknowledged)
      this.#acknowledge(entry, revision, changed, removed);
    const refused = answer.refused;
    const resolution = refused ? await this.#resolve(refused.entry, refused.reply) : undefined;
    if (refused && resolution) this.#apply(refused.entry, resolution, changed, removed);
    await this.#changed(changed, removed);
  }

  #acknowledge(sent: Entry, revision: Cursor, changed: Set<string>, removed: Set<string>): void {
    this.#acknowledged.set(sent.key, revision);
    this.#rebase(sent, revision, sent.body, changed, removed);
    if (sent.kind === 'conversation') this.#rebaseParts(sent.id, revision, changed);
    this.#options.onAcknowledged?.(sent, revision);
  }

  /** The server has `body` at `revision`: done, unless the entity was edited while it was on its way. */
  #rebase(
    sent: Entry,
    revision: Cursor | null,
    body: string | undefined,
    changed: Set<string>,
    removed: Set<string>,
  ) {
    const now = this.#entries.get(sent.key);
    if (!now) return;
    if (now.version === sent.version) {
      this.#entries.delete(sent.key);
      this.#assets.delete(sent.key);
      removed.add(sent.key);
      return;
    }
    const { baseBody: _, after: __, ...rest } = now;
    const isKnown = body !== undefined && sent.op !== 'delete' && sent.kind !== 'head';
    this.#entries.set(sent.key, {
      ...rest,
      base: sent.op === 'delete' ? null : revision,
      ...(isKnown ? { baseBody: body } : {}),
      ...(sent.kind === 'head' && now.baseBody !== undefined ? { baseBody: now.baseBody } : {}),
    });
    changed.add(sent.key);
  }

  /** Parts that were edited while their conversation was sent whole exist on the server since `revision`. */
  #rebaseParts(conversation: string, revision: Cursor, changed: Set<string>): void {
    for (const entry of this.pending()) {
      if (entry.parent !== conversation || entry.base === null) continue;
      this.#entries.set(entry.key, { ...entry, base: later(entry.base, revision) });
      changed.add(entry.key);
    }
  }

  #apply(entry: Entry, resolution: Resolution, changed: Set<string>, removed: Set<string>): void {
    const now = this.#entries.get(entry.key);
    // It was edited while it was resolved: the newer edit is not in what was merged. It is tried from the same base,
    // and is merged itself.
    if (now && now.version !== entry.version) return;
    const { conflict } = resolution;
    if (conflict) this.#conflicts = [...this.#conflicts, { ...conflict, at: Date.now() }];
    for (const next of resolution.entries) {
      this.#entries.set(
        next.key,
        next.key === entry.key ? { ...next, version: entry.version } : { ...next, order: entry.order },
      );
      changed.add(next.key);
    }
    if (!resolution.entries.some((e) => e.key === entry.key)) removed.add(entry.key);
    if (!this.#options.onResolved?.(entry, resolution)) this.#diverged.note(entry, resolution);
  }

  #report(): void {
    const pending = this.#waiting().length;
    const rejected = this.pending().find((e) => e.rejected)?.rejected;
    const state =
      rejected || this.#problem?.state === 'failed'
        ? 'failed'
        : this.#problem && pending > 0
          ? 'offline'
          : pending > 0
            ? 'saving'
            : this.#conflicts.length > 0
              ? 'conflict'
              : 'idle';
    const text = rejected ? `The server refused a change: ${rejected.error}` : this.#problem?.text;
    const isTold = text !== undefined && (state === 'failed' || state === 'offline');
    const problem: { problem?: string } = isTold ? { problem: text } : {};
    const status = { state, pending: this.pending().length, conflicts: this.#conflicts, ...problem } as const;
    const was = this.status.get();
    const isSame = was.state === state && was.pending === status.pending && was.problem === problem.problem;
    if (!isSame || was.conflicts !== status.conflicts) this.status.set(status);
  }
}

function unrejected(entry: Entry): Entry {
  const { rejected: _, ...rest } = entry;
  return rest;
}

function problemOf(error: unknown): { state: 'offline' | 'failed'; text: string } {
  if (error instanceof Unreachable)
    return { state: 'offline', text: 'The server does not answer. Changes are kept here.' };
  return { state: 'failed', text: error instanceof Error ? error.message : String(error) };
}

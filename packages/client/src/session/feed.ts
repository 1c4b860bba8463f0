import { changes, type Change, type Reset } from '../changes.js';
import type { Cursor } from '../cursor.js';
import type { Transport } from '../transport.js';

export interface FeedOptions {
  transport: Transport;
  locks: LockManager | undefined;
  /** Names the lock and the channel: one feed for each server that a browser's pages use. */
  name: string;
  /** Where to go on. */
  after: () => Cursor | null;
  onEvent: (event: Change | Reset) => void;
  /** Something may have changed that no event told of. */
  onDoubt: () => void;
  /** This tab leads now, and cares for what closed tabs left behind. */
  onLead: () => void;
  /** How often to ask, where there is no feed. */
  pollMs?: number;
}

const POLL_MS = 5_000;

/**
 * Tells a page what changed on the server. One tab of a browser reads the feed and relays it, since HTTP/1.1 has six
 * connections for all of them; which one is decided by a lock. Without locks each tab asks every five seconds.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #stop = new AbortController();
  #channel: BroadcastChannel | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  start(): void {
    const { locks, name, onEvent, onDoubt } = this.#options;
    if (!locks || typeof BroadcastChannel === 'undefined') {
      this.#poll();
      return;
    }
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<Change | Reset | 'new leader'>) => {
      if (data === 'new leader') onDoubt();
      else onEvent(data);
    };
    const { signal } = this.#stop;
    locks.request(name, { signal }, () => this.#lead()).catch(() => undefined);
  }

  stop(): void {
    this.#stop.abort();
    this.#channel?.close();
    this.#channel = undefined;
  }

  async #lead(): Promise<void> {
    const { transport, after, onEvent, onDoubt, onLead } = this.#options;
    const { signal } = this.#stop;
    onLead();
    // Tabs close without a word: what they left is looked for now and then.
    const timer = setInterval(onLead, this.#options.pollMs ?? POLL_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
    // What the last leader read and could not relay any more.
    this.#relay('new leader');
    const onConnection = (isConnected: boolean) => {
      if (!isConnected) return;
      onDoubt();
      this.#relay('new leader');
    };
    while (!signal.aborted) {
      try {
        const from = after() ?? undefined;
        for await (const event of changes(transport, { after: from, signal, onConnection })) {
          onEvent(event);
          this.#relay(event);
        }
      } catch {
        // The server refuses the feed. Asking is refused as well, and that tells the user why.
        onDoubt();
        await pause(this.#options.pollMs ?? POLL_MS, signal);
      }
    }
  }

  #relay(event: Change | Reset | 'new leader'): void {
    this.#channel?.postMessage(event);
  }

  #poll(): void {
    const { onDoubt, onLead, pollMs = POLL_MS } = this.#options;
    onLead();
    const timer = setInterval(() => {
      onDoubt();
      onLead();
    }, pollMs);
    this.#stop.signal.addEventListener('abort', () => clearInterval(timer));
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

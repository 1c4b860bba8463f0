import { randomId, type SyncStorage } from './identity.js';

/** Names this tab and tells which others live, so that none sends what another one still does. */
export interface Tabs {
  readonly id: string;
  alive(): Promise<ReadonlySet<string>>;
  /** Says that this tab lives, where nothing else does. */
  beat(): void;
  close(): void;
}

const LOCK = 'holdfast-tab-';
const BEATS = 'holdfast:tabs';
/** A tab in the background may be slowed to one timer a minute. */
const SILENCE_MS = 150_000;

export function openTab(locks: LockManager | undefined, storage: SyncStorage): Tabs {
  return locks ? lockedTab(locks) : beatingTab(storage);
}

/** A lock that is held for as long as the page lives: the browser gives it back even after a crash. */
function lockedTab(locks: LockManager): Tabs {
  const id = randomId();
  let release: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (release = resolve));
  const held = new Promise<void>((granted) => {
    void locks.request(LOCK + id, () => {
      granted();
      return closed;
    });
  });
  return {
    id,
    async alive() {
      await held;
      const names = ((await locks.query()).held ?? []).flatMap((lock) => lock.name ?? []);
      return new Set(names.filter((n) => n.startsWith(LOCK)).map((n) => n.slice(LOCK.length)));
    },
    beat: () => undefined,
    close: release,
  };
}

/** Without locks (a page that is not secure): each tab writes down when it last lived. */
function beatingTab(storage: SyncStorage): Tabs {
  const id = randomId();
  const read = () => JSON.parse(storage.getItem(BEATS) ?? '{}') as Record<string, number>;
  const living = () => Object.entries(read()).filter(([, at]) => Date.now() - at < SILENCE_MS);
  const write = (beats: [string, number][]) => {
    storage.setItem(BEATS, JSON.stringify(Object.fromEntries(beats)));
  };
  const beat = () => {
    write([...living(), [id, Date.now()]]);
  };
  beat();
  return {
    id,
    alive: () => Promise.resolve(new Set(living().map(([tab]) => tab))),
    beat,
    close: () => {
      write(living().filter(([tab]) => tab !== id));
    },
  };
}

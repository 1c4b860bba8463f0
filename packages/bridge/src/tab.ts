import { local, native, page } from './native.js';
import { newId } from '../../client/src/new-id.js';
import { OWN } from './own.js';

const NAME = `${OWN}-tab`;
/** How long a tab that is just closing may keep us waiting. */
const PATIENCE_MS = 1500;
/** How long the one tab's note counts: browsers run the timers of hidden tabs once a minute. */
const NOTE_MS = 90_000;
const RENEW_MS = 20_000;
const ANSWER_MS = 400;

/**
 * Whether another tab seems to be the one that sends. Known at once, but not for sure: the note of a tab that crashed
 * stays for a while.
 */
export function seemsHeld(): boolean {
  const { at = 0 } = native.parse(local.get(NAME) ?? '{}') as { at?: number };
  return Date.now() - at < NOTE_MS;
}

/**
 * Claims to be the one tab of this browser that sends. Two would overwrite each other's newer edits with older ones, as
 * they share their pending writes and their name. The app too runs in one tab only.
 *
 * False: another tab is the one. When it goes, this page starts anew, as what it read by then is old.
 */
export function claimTab(): Promise<boolean> {
  return new Promise((resolve) => {
    let isDecided = false;
    const decide = (isOurs: boolean) => {
      if (isDecided && isOurs) page.reload();
      else if (isOurs) hold();
      if (!isDecided) resolve(isOurs);
      isDecided = true;
    };
    setTimeout(() => decide(false), PATIENCE_MS);
    if ('locks' in navigator) requestLock(() => decide(true));
    else askOthers(() => decide(true));
  });
}

/** Tells tabs that start later that this is the one. */
function hold(): void {
  const id = newId();
  const note = () => {
    try {
      local.set(NAME, native.stringify({ id, at: Date.now() }));
    } catch {
      // The quota is used up. The lock still keeps other tabs from sending.
    }
  };
  note();
  setInterval(note, RENEW_MS);
  addEventListener('pagehide', () => {
    if (local.get(NAME)?.includes(id)) local.remove(NAME);
  });
}

function requestLock(granted: () => void): void {
  void navigator.locks.request(NAME, () => {
    granted();
    return new Promise(() => undefined);
  });
}

/** Pages of a plain http address have no Web Locks: there the tabs ask each other. */
function askOthers(granted: () => void): void {
  const channel = new BroadcastChannel(NAME);
  let isOurs = false;
  const take = () => {
    isOurs = true;
    granted();
  };
  const unanswered = setTimeout(take, ANSWER_MS);
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (data === 'who' && isOurs) channel.postMessage('here');
    if (data === 'here') clearTimeout(unanswered);
    if (data === 'gone' && !isOurs) take();
  });
  addEventListener('pagehide', () => {
    if (isOurs) channel.postMessage('gone');
  });
  channel.postMessage('who');
}

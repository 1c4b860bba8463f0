import { local, native, page } from './native.js';
import { OWN } from './own.js';

const NAME = `${OWN}-tab`;
/** How long a tab that is just closing may keep us waiting. */
const PATIENCE_MS = 1500;
const LEASE_MS = 5000;
const RENEW_MS = 2000;

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
      else if (!isDecided) resolve(isOurs);
      isDecided = true;
    };
    setTimeout(() => decide(false), PATIENCE_MS);
    if ('locks' in navigator) requestLock(() => decide(true));
    else requestLease(() => decide(true));
  });
}

function requestLock(granted: () => void): void {
  void navigator.locks.request(NAME, () => {
    granted();
    return new Promise(() => undefined);
  });
}

/** Pages of a plain http address have no Web Locks: there a note in localStorage that is renewed must do. */
function requestLease(granted: () => void): void {
  const id = crypto.getRandomValues(new Uint32Array(2)).join('-');
  let isOurs = false;
  const holder = () => native.parse(local.get(NAME) ?? '{}') as { id?: string; at?: number };
  const look = () => {
    const { id: held, at = 0 } = holder();
    if (held !== undefined && held !== id && Date.now() - at < LEASE_MS) return;
    local.set(NAME, native.stringify({ id, at: Date.now() }));
    if (!isOurs) granted();
    isOurs = true;
  };
  look();
  setInterval(look, RENEW_MS);
  addEventListener('storage', ({ key }) => {
    if (key === NAME && !isOurs) look();
  });
  addEventListener('pagehide', () => {
    if (isOurs && holder().id === id) local.remove(NAME);
  });
}

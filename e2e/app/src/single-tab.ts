// One tab works, the others wait in the lock's queue. As in the original, a waiting tab that takes over goes on with
// what it loaded when it was opened, and so overwrites what the first tab wrote since; the tab that lost the lock
// ends on a page without the app.
import { create } from 'zustand';

const LOCK = 'big-agi-instance';

type Role = 'asking' | 'leader' | 'follower';

export const useTab = create<{ role: Role }>()(() => ({ role: 'asking' }));

let queue: AbortController | undefined;

export function claimTab(): void {
  if (!navigator.locks) return useTab.setState({ role: 'leader' }); // an insecure context: at best effort
  request({ ifAvailable: true });
}

export function transferHere(): void {
  queue?.abort();
  request({ steal: true });
}

function request(options: LockOptions): void {
  navigator.locks
    .request(LOCK, options, (lock) => (lock ? hold() : undefined))
    .then(wait, () => options.signal?.aborted || leave()); // `hold` ends by an error only: the lock was stolen
}

/** Until the tab is closed, or another one takes it. */
function hold(): Promise<void> {
  useTab.setState({ role: 'leader' });
  return new Promise(() => {});
}

function wait(): void {
  useTab.setState({ role: 'follower' });
  queue = new AbortController();
  request({ signal: queue.signal });
}

function leave(): void {
  if (useTab.getState().role === 'leader') location.href = '/closed.html';
}

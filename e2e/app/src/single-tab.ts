// One tab works, the others wait. As in the original, a waiting tab that takes over goes on with what it loaded
// when it was opened, and so overwrites what the first tab wrote since.
import { create } from 'zustand';

const LOCK = 'big-agi-instance';

export const useTab = create<{ role: 'asking' | 'leader' | 'follower' }>()(() => ({ role: 'asking' }));

export function claimTab(): void {
  if (!navigator.locks) return lead();
  void navigator.locks
    .request(LOCK, { ifAvailable: true }, (lock) => {
      if (lock) return holdForever();
      useTab.setState({ role: 'follower' });
      claim({});
      return undefined;
    })
    .catch(follow);
}

export function transferHere(): void {
  claim({ steal: true });
}

function claim(options: LockOptions): void {
  navigator.locks.request(LOCK, options, holdForever).catch(follow);
}

function holdForever(): Promise<void> {
  lead();
  return new Promise(() => {});
}

function lead(): void {
  useTab.setState({ role: 'leader' });
}

/** The lock was stolen. */
function follow(): void {
  useTab.setState({ role: 'follower' });
  claim({});
}

import { page } from './native.js';

/** The lock by which the app runs in one tab only. */
const APP_LOCK = 'big-agi-instance';

/**
 * A tab that waited reads its stores when it is loaded, and when the other tab goes it would run on with them and write
 * them over everything that was made since. Here it starts anew instead. `ifAvailable` is a page that just started.
 */
export function reloadWhenPromoted(): void {
  if (typeof LockManager === 'undefined') return;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the manager below
  const request = LockManager.prototype.request as (...all: unknown[]) => Promise<unknown>;
  LockManager.prototype.request = function (this: LockManager, name: string, ...rest: unknown[]) {
    const options = rest[0] as LockOptions | undefined;
    if (name !== APP_LOCK || options?.ifAvailable) return request.call(this, name, ...rest);
    const reload = () => {
      page.reload();
      return new Promise(() => undefined);
    };
    return request.call(this, name, ...rest.slice(0, -1), reload);
  };
}

/** The app's images are on the server: nobody needs to be asked whether the browser may throw them away. */
export function grantPersistence(): void {
  if (typeof StorageManager === 'undefined') return;
  StorageManager.prototype.persist = () => Promise.resolve(true);
}

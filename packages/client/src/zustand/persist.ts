import { persist as zustandPersist, type PersistOptions, type StorageValue } from 'zustand/middleware';
import type { StateCreator, StoreApi } from 'zustand/vanilla';

import { replayed, type EarlyWrite } from './early.js';
import type { LiveChange, LiveStorage } from './live.js';

type Set = (...args: unknown[]) => void;
type Options = PersistOptions<unknown, unknown>;
/** A store's API, as the middleware sees it: whatever stands around it may take more arguments. */
type Api = Omit<StoreApi<unknown>, 'setState'> & { setState: Set };
type Persisted = Api & {
  persist: {
    setOptions: (options: Partial<Options>) => void;
    getOptions: () => Partial<Options>;
    clearStorage: () => void;
    rehydrate: () => Promise<void> | void;
  };
};
type Creator = (set: Set, get: () => unknown, api: Api) => unknown;

/**
 * Zustand's own `persist`, with the gaps closed through which data goes: a write before the stored state is there
 * waits and is made again on top of it; after a load that failed nothing is saved; what other tabs and devices write
 * reaches the store.
 */
export function livePersist(config: Creator, options: Options, storage: LiveStorage<unknown>): Creator {
  return (set, get, api) => new Persistence(set, get, storage).create(config, options, api);
}

class Persistence {
  readonly #set: Set;
  readonly #get: () => unknown;
  readonly #storage: LiveStorage<unknown>;
  #state: 'loading' | 'ready' | 'failed' = 'loading';
  /** The app's state when loading began: what the stored state is merged into. */
  #before: { state: unknown } | undefined;
  #early: EarlyWrite[] = [];
  /** What the middleware is about to set as the loaded state. */
  #loaded: { state: unknown } | undefined;
  #options: () => Partial<Options> = () => ({});
  #end: (() => void) | undefined;
  #rehydrate: () => Promise<void> | void = () => undefined;
  #name = '';

  constructor(set: Set, get: () => unknown, storage: LiveStorage<unknown>) {
    this.#set = set;
    this.#get = get;
    this.#storage = storage;
  }

  create(config: Creator, options: Options, api: Api): unknown {
    this.#name = options.name;
    const early: Set = (...args) => this.#write(args, this.#set);
    const saved = api.setState;
    api.setState = (...args) => this.#write(args, saved);
    const { merge, onRehydrateStorage } = options;
    const wrapped = {
      ...options,
      ...this.#wrap({ merge, onRehydrateStorage } as Partial<Options>),
      storage: this.#guarded(),
    };
    this.#options = () => wrapped;
    const create = zustandPersist(config as StateCreator<unknown, [['zustand/persist', unknown]]>, wrapped);
    const state = (create as unknown as Creator)(early, this.#get, api);
    this.#extend(api as Persisted);
    return state;
  }

  /** The methods of `api.persist` that must know of this. */
  #extend({ persist }: Persisted): void {
    this.#options = persist.getOptions;
    this.#rehydrate = persist.rehydrate;
    const { setOptions, clearStorage } = persist;
    persist.setOptions = ({ storage: _, ...next }) => setOptions({ ...next, ...this.#wrap(next) });
    persist.clearStorage = () => {
      clearStorage();
      // It ends a loading that runs: what is stored is known now, it is nothing.
      if (this.#state !== 'ready') this.#ready();
    };
  }

  /** Those of the options that tell how loading goes. */
  #wrap(options: Partial<Options>): Partial<Options> {
    return {
      ...('merge' in options ? { merge: this.#merge(options.merge) } : {}),
      ...('onRehydrateStorage' in options ? this.#onRehydrate(options.onRehydrateStorage) : {}),
    };
  }

  #merge(merge: Options['merge'] = (stored, current) => ({ ...(current as object), ...(stored as object) })) {
    return (stored: unknown, current: unknown): unknown => {
      const state = merge(stored, this.#before?.state ?? current);
      this.#loaded = { state };
      return state;
    };
  }

  #onRehydrate(tell: Options['onRehydrateStorage']): Pick<Options, 'onRehydrateStorage'> {
    const onRehydrateStorage: Options['onRehydrateStorage'] = (state) => {
      this.#state = 'loading';
      this.#before = { state };
      const after = tell?.(state);
      return (loaded, error) => {
        if (error !== undefined && this.#state !== 'ready') this.#fail(error);
        after?.(loaded, error);
      };
    };
    return { onRehydrateStorage };
  }

  #guarded(): LiveStorage<unknown> {
    const storage = this.#storage;
    return {
      getItem: (name) => storage.getItem(name),
      setItem: (name, value) => (this.#state === 'ready' ? storage.setItem(name, value) : undefined),
      removeItem: (name) => storage.removeItem(name),
    };
  }

  #write(args: unknown[], set: Set): void {
    if (this.#loaded && args[0] === this.#loaded.state && args[1] === true) {
      this.#loaded = undefined;
      this.#arrive(args);
      return;
    }
    if (this.#state !== 'ready') this.#early.push({ args, before: this.#get() });
    set(...args);
  }

  /** The stored state is here: on top of it comes what was written while it was read. */
  #arrive(args: unknown[]): void {
    this.#set(...args);
    const early = this.#early.splice(0);
    for (const write of early) this.#set(...replayed(write, this.#get()));
    this.#ready();
    if (early.length > 0) this.#save();
  }

  #ready(): void {
    this.#state = 'ready';
    this.#before = undefined;
    this.#storage.reportLoad?.(this.#name, undefined);
    this.#end?.();
    this.#end = this.#storage.subscribe?.(this.#name, (change) => {
      this.#receive(change).catch((error: unknown) => this.#storage.reportLoad?.(this.#name, error));
    });
  }

  #fail(error: unknown): void {
    this.#state = 'failed';
    this.#storage.reportLoad?.(this.#name, error);
    const stop = this.#storage.onReached?.(() => {
      stop?.();
      if (this.#state === 'failed') void this.#rehydrate();
    });
  }

  #save(): void {
    const { partialize = (state: unknown) => state, version = 0 } = this.#options();
    const state = partialize({ ...(this.#get() as object) });
    void this.#storage.setItem(this.#name, { state, version });
  }

  /** What others wrote goes into the store past the middleware: it is saved already. */
  async #receive(change: LiveChange<unknown>): Promise<void> {
    if (change.kind === 'patch') {
      this.#set(change.patch(this.#get() as object));
      return;
    }
    const { value } = change;
    const migrated = await this.#migrated(value);
    if (!migrated) return;
    const state = this.#options().merge?.(migrated.state, this.#get());
    this.#loaded = undefined;
    this.#set(state, true);
  }

  async #migrated({ state, version }: StorageValue<unknown>): Promise<{ state: unknown } | undefined> {
    const { version: own = 0, migrate } = this.#options();
    if (version === undefined || version === own) return { state };
    return migrate ? { state: await migrate(state, version) } : undefined;
  }
}

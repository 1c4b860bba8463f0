import type { persist, PersistOptions, PersistStorage } from 'zustand/middleware';

import { connect, isBrowser, type Holdfast } from '../session/connect.js';
import { createChatStorage } from './chats.js';
import { createDocumentStorage, createModelsStorage } from './documents.js';
import { NO_STORAGE, type LiveStorage } from './live.js';
import { livePersist } from './persist.js';

/** Options of `persist`, and the connection to use when it is not the page's. */
export type HoldfastPersistOptions<S, P = S> = PersistOptions<S, P> & { holdfast?: Holdfast };

type Storage = (session: Holdfast, own: PersistStorage<unknown> | undefined) => LiveStorage<unknown>;

/** `persist` with a storage of the server; its types are those of zustand's own, devtools and all. */
function middleware(create: Storage): typeof persist {
  return ((config: never, { holdfast, ...options }: HoldfastPersistOptions<unknown>) => {
    const storage = isBrowser() ? create(holdfast ?? connect(), options.storage) : NO_STORAGE;
    return livePersist(config, options, storage);
  }) as unknown as typeof persist;
}

/** `persist` for any store: its state is one document on the server. */
export const sqlitePersist = middleware((session, storage) => createDocumentStorage(session, { storage }));

/** `persist` for the store of conversations: a change costs what changed. */
export const chatSqlitePersist = middleware((session, storage) => createChatStorage(session, { storage }));

/** `persist` for the store of model services and models: both sides' changes are merged by id. */
export const llmSqlitePersist = middleware((session, storage) => createModelsStorage(session, { storage }));

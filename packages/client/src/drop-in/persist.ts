import { persist as zustandPersist, type PersistOptions } from 'zustand/middleware';

import type { Holdfast } from '../session/connect.js';
import { createChatStorage } from '../zustand/chats.js';
import { createDocumentStorage, createMetricsStorage } from '../zustand/documents.js';
import { isOfOneTab } from '../zustand/json-storage.js';
import type { LiveStorage } from '../zustand/live.js';
import { livePersist } from '../zustand/persist.js';
import { dropInSession } from './session.js';
import { dropInSettings } from './settings.js';

type Options = PersistOptions<unknown, unknown>;

function persistOnServer(config: never, options: Options): unknown {
  const session = isOfOneTab(options.storage) ? undefined : dropInSession();
  if (!session) return zustandPersist(config, options);
  return livePersist(config, options, storageFor(session, options));
}

/** The storage that fits a store, by its name; where the app kept it before stays its copy and the way back. */
function storageFor(session: Holdfast, { name, storage }: Options): LiveStorage<unknown> {
  const { chats = ['app-chats'], metrics = ['app-metrics'] } = dropInSettings();
  if (chats.includes(name)) return createChatStorage(session, { storage });
  if (metrics.includes(name)) return createMetricsStorage(session, { storage });
  return createDocumentStorage(session, { storage });
}

/** Zustand's `persist`, with its options and API; the server's state is there when it returns. */
export const persist = persistOnServer as unknown as typeof zustandPersist;

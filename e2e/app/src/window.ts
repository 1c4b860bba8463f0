// What the scenarios and the bench look at.
import { useChats, chatsScheduler } from './chats/store-chats';
import { assets } from './images/assets-db';
import { createFlashBackup, restoreFlashBackup } from './persistence/flash';
import { useAppState } from './settings/app-state';
import { useFolders } from './settings/folders';
import { useLogger } from './settings/logger';
import { useMetrics } from './settings/metrics';
import { addService, useModels } from './settings/models';
import { usePanes } from './settings/panes';
import { useUI } from './settings/ui';

const app = {
  chats: useChats,
  ui: useUI,
  models: useModels,
  folders: useFolders,
  metrics: useMetrics,
  panes: usePanes,
  state: useAppState,
  logger: useLogger,
  scheduler: chatsScheduler,
  assets,
  addService,
  createFlashBackup,
  restoreFlashBackup,
};

declare global {
  interface Window {
    __app: typeof app;
  }
}

window.__app = app;

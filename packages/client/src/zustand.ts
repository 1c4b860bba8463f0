export { connect, type ConnectOptions, type Holdfast, type Status } from './session/connect.js';
export {
  createDocumentStorage,
  createMetricsStorage,
  createModelsStorage,
  type DocumentStorageOptions,
} from './zustand/documents.js';
export { createChatStorage, type ChatState, type ChatStorageOptions } from './zustand/chats.js';
export {
  chatSqlitePersist,
  llmSqlitePersist,
  sqlitePersist,
  type HoldfastPersistOptions,
} from './zustand/middlewares.js';
export type { LiveChange, LiveStorage } from './zustand/live.js';
export type { Mode, ModeChoice } from './rollout/mode.js';
export type { OldCopy } from './rollout/old-copy.js';
export { createJSONStorage } from './zustand/json-storage.js';

import { appState, chats, ui } from './stores.js';

globalThis.app = { appState, chats, ui, kept: { appState: appState.getState(), ui: ui.getState() } };

// The app's localStorage values: which are stores, whose they are, and their shape on the server.
import type { DocumentValue } from '../../client/src/edit.js';
import { has, isObject } from '../../client/src/json.js';
import { native } from './native.js';

export const CHATS = 'app-chats';
export const METRICS = 'app-metrics';

/** Stores that each browser has of its own. */
const DEVICE_LOCAL = new Set([
  'app-device',
  'agi-live-file',
  'agi-logger-log',
  'app-app-chat-panes-2',
  'app-state',
]);
/** Written many times a minute, up to megabytes, and of no use to anyone else: they wait for each other. */
const BUSY = new Set(['agi-live-file', 'agi-logger-log']);
/** What the app writes by itself at its first start: no sign that somebody has used this browser. */
const WRITTEN_AT_START = new Set(['app-module-speex']);

export function isStore(key: string): boolean {
  return /^(app-|agi-|joy-)/.test(key) && key !== CHATS;
}

export function isDeviceLocal(key: string): boolean {
  return DEVICE_LOCAL.has(key) || key.startsWith('joy-');
}

export function isBusy(key: string): boolean {
  return BUSY.has(key);
}

/** Whether somebody's settings are in the key. */
export function isSomebodys(key: string): boolean {
  return isStore(key) && !isDeviceLocal(key) && !WRITTEN_AT_START.has(key);
}

/** A value of localStorage as the server keeps it. What is no `{state, …}` is kept bare; what is no JSON, as a string. */
export function documentOf(text: string): DocumentValue {
  let value: unknown;
  try {
    value = native.parse(text);
  } catch {
    return { data: text, bare: true };
  }
  if (typeof value !== 'object' || value === null) return { data: text, bare: true };
  if (!isObject(value) || !has(value, 'state')) return { data: value, bare: true };
  const { state, version, ...rest } = value;
  const beside = Object.keys(rest).length > 0 ? { beside: rest } : {};
  return { data: state, ...(typeof version === 'number' ? { version } : {}), ...beside };
}

/** The text that localStorage has of a store. */
export function textOf(document: DocumentValue): string {
  const { data, version, bare, beside } = document;
  if (bare) return typeof data === 'string' ? data : native.stringify(data);
  const versioned = version === undefined || version === null ? {} : { version };
  return native.stringify({ state: data, ...versioned, ...beside });
}

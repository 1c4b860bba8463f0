import type { ConnectOptions } from '../session/connect.js';

/**
 * What an app that is only built with the alias can say, in `globalThis.__HOLDFAST__` before its first script; the URL
 * also as `<meta name="holdfast" content="…">`. By default the server is `/_holdfast` of the page's origin.
 */
export interface DropInSettings extends Pick<ConnectOptions, 'url' | 'token' | 'clientId' | 'mode'> {
  /** Names of stores whose state is `{conversations}`; by default `app-chats`. */
  chats?: string[];
  /** Names of stores whose state is `{serviceMetrics}`, counters that only grow; by default `app-metrics`. */
  metrics?: string[];
}

declare global {
  var __HOLDFAST__: DropInSettings | undefined;
}

export function dropInSettings(): DropInSettings {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="holdfast"]');
  return { ...(meta ? { url: meta.content } : {}), ...globalThis.__HOLDFAST__ };
}

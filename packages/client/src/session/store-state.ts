import type { Cursor } from '../cursor.js';
import type { DocumentValue } from '../edit.js';
import { HoldfastError } from '../error.js';
import type { components } from '../generated/openapi.js';
import type { Transport } from '../transport.js';

/** A store as the server told it. */
export interface Told {
  value: DocumentValue | null;
  /** It belongs to another device, or to all: this browser has none of its own yet. */
  isLent: boolean;
}

/** What changed since a cursor. */
export interface StoreState {
  cursor: Cursor;
  /** All stores are there: what is not told does not exist. */
  isWhole: boolean;
  told: Map<string, Told>;
}

export type StateAnswer = components['schemas']['StateAnswer'];

/** Stores that each browser has of its own. */
export function isDeviceLocal(name: string): boolean {
  return /^(app-device|app-state|app-app-chat-panes-2|agi-live-file|agi-logger-log|joy-.*)$/.test(name);
}

export function statePath(after: Cursor | null, device: string): string {
  return `/api/state?${new URLSearchParams({ ...(after === null ? {} : { after }), device }).toString()}`;
}

export function storePath(name: string, device: string): string {
  // The server refuses a device for a shared store.
  const whose = isDeviceLocal(name) ? `?device=${encodeURIComponent(device)}` : '';
  return `/api/stores/${encodeURIComponent(name)}${whose}`;
}

export function stateOf(answer: StateAnswer, device: string): StoreState {
  const told = new Map<string, Told>();
  for (const name of answer.removedStores) told.set(name, { value: null, isLent: false });
  for (const store of answer.stores) told.set(store.name, toldOf(store, device));
  return { cursor: answer.cursor as Cursor, isWhole: answer.reset, told };
}

export async function readState(
  transport: Transport,
  after: Cursor | null,
  device: string,
): Promise<StoreState> {
  const reply = await transport.send({ method: 'GET', path: statePath(after, device) });
  if (!reply.ok) throw new HoldfastError(reply);
  return stateOf(reply.body as unknown as StateAnswer, device);
}

export async function readStore(transport: Transport, name: string, device: string): Promise<Told> {
  const reply = await transport.send({ method: 'GET', path: storePath(name, device) });
  return storeOf(reply, name, device);
}

/** The store in an answer to `storePath`; nothing when there is none. */
export function storeOf(
  reply: { status: number; body: Record<string, unknown> },
  name: string,
  device: string,
): Told {
  if (reply.status === 404) return { value: null, isLent: false };
  if (reply.status !== 200) throw new HoldfastError(reply);
  return toldOf({ ...reply.body, name }, device);
}

function toldOf(store: { name: string; [member: string]: unknown }, device: string): Told {
  const { data, version, bare, beside } = store;
  return {
    value: {
      data,
      version: typeof version === 'number' ? version : null,
      ...(bare ? { bare: true } : {}),
      ...(beside ? { beside: beside as Record<string, unknown> } : {}),
    },
    isLent: isDeviceLocal(store.name) && store['device'] !== device,
  };
}

import type { Edit } from '../../client/src/edit.js';
import { assetKeys, keepAsset, readAsset, type AssetRecord } from './assets-db.js';
import { native } from './native.js';
import type { Server } from './server.js';

/** Images of a message that is not sent yet: thrown away at the next start, and written again when it is. */
const DRAFTS = 'attachment-drafts';

/** What the app's write of an image changes on the server. */
export function assetEdits(record: unknown): Edit[] {
  const { id, scopeId } = record as { id?: unknown; scopeId?: unknown };
  if (typeof id !== 'string' || scopeId === DRAFTS) return [];
  return [{ kind: 'asset', op: 'put', id, record: () => readAsset(id) }];
}

/** The record to send; none for drafts. */
export async function readSent(id: string): Promise<AssetRecord | undefined> {
  const record = await readAsset(id);
  return record?.['scopeId'] === DRAFTS ? undefined : record;
}

/** Writes of the images that are here and not on the server. */
export async function missingOnServer(server: Server): Promise<Edit[]> {
  const there = await server.assetIds();
  const missing = (await assetKeys()).filter((id) => !there.has(id));
  return missing.map((id) => ({ kind: 'asset', op: 'put', id, record: () => readSent(id) }));
}

/** The ids of the images that conversations show, out of their JSON text. */
export function assetsIn(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(/"dblobAssetId":"([^"\\]+)"/g), (match) => match[1] ?? ''))];
}

/** Images that the server has and this browser lacks. */
export class MissingAssets {
  readonly #server: Server;
  readonly #asked = new Map<string, Promise<AssetRecord | undefined>>();

  constructor(server: Server) {
    this.#server = server;
  }

  /** Looks one up, and keeps it. One that the server does not have is asked for once. */
  find(id: string): Promise<AssetRecord | undefined> {
    const asked = this.#asked.get(id) ?? this.#fetch(id);
    this.#asked.set(id, asked);
    // Nothing is known when there was no answer.
    asked.catch(() => this.#asked.delete(id));
    return asked;
  }

  /** Fetches, one after the other, those of `ids` that are not here. Stops where the server does not answer. */
  async fetchAll(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const here = new Set(await assetKeys());
    for (const id of ids) if (!here.has(id)) await this.find(id);
  }

  async #fetch(id: string): Promise<AssetRecord | undefined> {
    const record = await this.#server.asset(id);
    return record && keepAsset(record);
  }
}

export function assetsOf(conversations: readonly unknown[]): string[] {
  return assetsIn(native.stringify(conversations));
}

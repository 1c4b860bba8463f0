// The database of images: Dexie's version 1, which is IndexedDB's version 10.
import Dexie, { type EntityTable } from 'dexie';
import { createId } from '../ids';

export interface DBlobAsset {
  id: string;
  contextId: 'global';
  scopeId: 'app-chat' | 'attachment-drafts';
  assetType: 'image' | 'audio';
  label: string;
  data: { mimeType: string; base64: string };
  origin: { ot: 'user'; source: 'attachment'; media: string; fileName?: string };
  createdAt: Date;
  updatedAt: Date;
  metadata: { width: number; height: number };
  cache: Record<string, never>;
}

class AssetsDB extends Dexie {
  largeAssets!: EntityTable<DBlobAsset, 'id'>;

  constructor() {
    super('Big-AGI');
    this.version(1).stores({
      largeAssets:
        'id, [contextId+scopeId], assetType, [assetType+contextId+scopeId], data.mimeType, origin.ot, origin.source, createdAt, updatedAt',
    });
  }
}

export const assets = new AssetsDB().largeAssets;

/** Stores a picked file as a draft; it belongs to a chat only once the message is sent. */
export async function addDraft(file: File): Promise<DBlobAsset> {
  const { width, height } = await createImageBitmap(file);
  const now = new Date();
  const asset: DBlobAsset = {
    id: createId(),
    contextId: 'global',
    scopeId: 'attachment-drafts',
    assetType: 'image',
    label: `Image: ${file.name}`,
    data: { mimeType: file.type, base64: await base64Of(file) },
    origin: { ot: 'user', source: 'attachment', media: 'file-open', fileName: file.name },
    createdAt: now,
    updatedAt: now,
    metadata: { width, height },
    cache: {},
  };
  await assets.add(asset);
  return asset;
}

/** A read and a write of the whole record, as Dexie's update does it. */
export async function moveToChat(id: string): Promise<void> {
  const asset = await assets.get(id);
  if (asset) await assets.put({ ...asset, scopeId: 'app-chat' });
}

function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).split(',')[1] ?? '');
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

// Messages and their fragments, in the shapes that big-AGI 2.1 stores.
import { createId, uuidOfId } from '../ids';

export interface TextPart {
  pt: 'text';
  text: string;
}

export interface ErrorPart {
  pt: 'error';
  error: string;
}

export interface ImageRefPart {
  pt: 'image_ref';
  dataRef:
    | { reftype: 'dblob'; dblobAssetId: string; mimeType: string; bytesSize: number }
    | { reftype: 'url'; url: string };
  altText?: string;
  width?: number;
  height?: number;
}

export interface ReferencePart {
  pt: 'reference';
  rt: 'zync';
  zType: 'asset';
  zUuid: string;
  zRefSummary?: TextPart;
  assetType: 'image' | 'audio';
  _legacyImageRefPart?: ImageRefPart;
}

export type DFragment =
  | { ft: 'content'; fId: string; part: TextPart | ErrorPart | ReferencePart | ImageRefPart }
  | {
      ft: 'attachment';
      fId: string;
      title: string;
      caption: string;
      created: number;
      part: ReferencePart | ImageRefPart;
    }
  | { ft: 'void'; fId: string; part: { pt: 'ph'; pText: string } };

export interface DMetrics {
  TIn?: number;
  TOut?: number;
  $c?: number;
  dtStart?: number;
  dtAll?: number;
  vTOutInner?: number;
  TsR?: 'pending' | 'aborted';
}

export type DGenerator = { mgt: 'aix'; name: string; aix: { vId: string; mId: string }; metrics?: DMetrics };

export interface DMessage {
  id: string;
  role: 'user' | 'assistant' | 'system';
  fragments: DFragment[];
  pendingIncomplete?: boolean;
  purposeId?: string;
  generator?: DGenerator;
  userFlags?: string[];
  tokenCount: number;
  created: number;
  updated: number | null;
}

export function createMessage(role: DMessage['role'], fragments: DFragment[]): DMessage {
  return { id: createId(), role, fragments, tokenCount: 0, created: Date.now(), updated: null };
}

export function textFragment(text: string): DFragment {
  return { ft: 'content', fId: createId(8), part: { pt: 'text', text } };
}

export function placeholderFragment(pText: string): DFragment {
  return { ft: 'void', fId: createId(8), part: { pt: 'ph', pText } };
}

export function imageReference(legacy: ImageRefPart): ReferencePart {
  const id = legacy.dataRef.reftype === 'dblob' ? legacy.dataRef.dblobAssetId : createId();
  const title = legacy.altText ?? 'image';
  return {
    pt: 'reference',
    rt: 'zync',
    zType: 'asset',
    zUuid: uuidOfId(id),
    zRefSummary: { pt: 'text', text: title },
    assetType: 'image',
    _legacyImageRefPart: legacy,
  };
}

export function textOf(message: DMessage): string {
  return message.fragments
    .map(({ part }) =>
      part.pt === 'text' ? part.text : part.pt === 'error' ? part.error : part.pt === 'ph' ? part.pText : '',
    )
    .filter(Boolean)
    .join('\n');
}

export function assetIdsOf(message: DMessage): string[] {
  return message.fragments.flatMap(({ part }) => {
    const image =
      part.pt === 'reference' ? part._legacyImageRefPart : part.pt === 'image_ref' ? part : undefined;
    return image?.dataRef.reftype === 'dblob' ? [image.dataRef.dblobAssetId] : [];
  });
}

/** A guess that is good enough for a counter: the app's own is one as well. */
export function countTokens(message: DMessage): number {
  return 4 + Math.ceil(textOf(message).length / 4);
}

// Sends a message and writes the answer into the store, one change per token.
import { addDraft, moveToChat, type DBlobAsset } from '../images/assets-db';
import { createId } from '../ids';
import { addUsage } from '../settings/metrics';
import {
  createMessage,
  imageReference,
  placeholderFragment,
  textFragment,
  type DFragment,
  type DMessage,
} from './message';
import { useChats } from './store-chats';

export { addDraft };

/** `TOK80` in the text asks for an answer of 80 tokens, `MS5` for one each 5 ms. */
export async function send(conversationId: string, text: string, images: DBlobAsset[]): Promise<void> {
  for (const { id } of images) await moveToChat(id);
  const question = createMessage('user', [textFragment(text), ...images.map(attachment)]);
  const answer: DMessage = {
    ...createMessage('assistant', [placeholderFragment('...')]),
    pendingIncomplete: true,
    purposeId: 'Generic',
    generator: { mgt: 'aix', name: 'small', aix: { vId: 'openai', mId: 'openai-small' } },
  };
  const { append, change } = useChats.getState();
  append(conversationId, question, answer);
  await stream(conversationId, answer, text);
  const chat = useChats.getState().conversations.find(({ id }) => id === conversationId);
  if (chat && !chat.autoTitle) change(conversationId, { autoTitle: text.slice(0, 40) });
}

async function stream(conversationId: string, answer: DMessage, question: string): Promise<void> {
  const tokens = /\bTOK(\d+)\b/.exec(question)?.[1] ?? '20';
  const ms = /\bMS(\d+)\b/.exec(question)?.[1] ?? '15';
  const abort = new AbortController();
  const { edit, change } = useChats.getState();
  change(conversationId, { _abortController: abort });
  const started = performance.now();
  const fId = createId(8);
  let text = '';
  let received = 0;
  let dtStart = 0;
  try {
    const response = await fetch(`/api/stream?tokens=${tokens}&ms=${ms}`, { signal: abort.signal });
    for await (const token of tokensOf(response)) {
      if (!received++) dtStart = Math.round(performance.now() - started);
      text += token;
      edit(conversationId, answer.id, { fragments: [{ ft: 'content', fId, part: { pt: 'text', text } }] });
    }
    const dtAll = Math.round(performance.now() - started);
    const metrics = { TIn: 10 + question.length, TOut: received, $c: received / 1000, dtStart, dtAll };
    edit(
      conversationId,
      answer.id,
      { generator: { ...answer.generator!, metrics }, pendingIncomplete: undefined },
      true,
    );
    addUsage('openai', metrics);
  } catch (error) {
    const failed: DFragment = {
      ft: 'content',
      fId: createId(8),
      part: { pt: 'error', error: String(error) },
    };
    const said: DFragment[] = text ? [{ ft: 'content', fId, part: { pt: 'text', text } }] : [];
    edit(conversationId, answer.id, { fragments: [...said, failed], pendingIncomplete: undefined }, true);
  } finally {
    change(conversationId, { _abortController: null });
  }
}

async function* tokensOf(response: Response): AsyncGenerator<string> {
  if (!response.ok || !response.body) throw new Error(`The answer failed with status ${response.status}`);
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) yield (JSON.parse(event.slice('data: '.length)) as { token: string }).token;
  }
}

function attachment(asset: DBlobAsset): DFragment {
  const title = asset.origin.fileName ?? asset.label;
  const dataRef = {
    reftype: 'dblob' as const,
    dblobAssetId: asset.id,
    mimeType: asset.data.mimeType,
    bytesSize: Math.floor((asset.data.base64.length * 3) / 4),
  };
  const part = imageReference({ pt: 'image_ref', dataRef, altText: title, ...asset.metadata });
  return { ft: 'attachment', fId: createId(8), title, caption: '', created: Date.now(), part };
}

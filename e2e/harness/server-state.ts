// What the server has, asked for over REST.
import type { Holdfast } from './holdfast';

export interface Fragment {
  ft: string;
  fId: string;
  part: { pt: string; text?: string; [field: string]: unknown };
}

export interface Message {
  id: string;
  role: string;
  fragments: Fragment[];
  pendingIncomplete?: boolean;
  userFlags?: string[];
  [field: string]: unknown;
}

export interface Conversation {
  id: string;
  messages: Message[];
  userTitle?: string;
  autoTitle?: string;
  [field: string]: unknown;
}

export async function serverChats(holdfast: Holdfast): Promise<Conversation[]> {
  const store = await serverStore<{ conversations: Conversation[] }>(holdfast, 'app-chats');
  return store?.conversations ?? [];
}

/** The state of a store as the app knows it, or null. */
export async function serverStore<State>(holdfast: Holdfast, name: string): Promise<State | null> {
  return (await serverDocument<State>(holdfast, name))?.data ?? null;
}

/** The same with its version. */
export async function serverDocument<State>(holdfast: Holdfast, name: string) {
  const response = await holdfast.fetch(`/api/stores/${name}`);
  if (response.status === 404) return null;
  if (!response.ok)
    throw new Error(`GET /api/stores/${name} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as { data: State; version: number | null };
}

export async function putStore(
  holdfast: Holdfast,
  name: string,
  data: unknown,
  version: number,
): Promise<void> {
  const body = JSON.stringify({ data, version });
  const response = await holdfast.fetch(`/api/stores/${name}`, { method: 'PUT', body });
  if (!response.ok)
    throw new Error(`PUT /api/stores/${name} answered ${response.status}: ${await response.text()}`);
}

export async function serverAssetIds(holdfast: Holdfast): Promise<string[]> {
  const { assets } = await holdfast.get<{ assets: { id: string }[] }>('/api/assets');
  return assets.map(({ id }) => id).sort();
}

export function textOf(message: Message): string {
  return message.fragments.map(({ part }) => part.text ?? '').join('');
}

export function textsOf(chat: Conversation | undefined): string[] {
  return chat?.messages.map(textOf) ?? [];
}

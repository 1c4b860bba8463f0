// What several scenarios expect.
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import { saved } from './bridge';
import { chatsOf } from './chat';
import type { Holdfast } from './holdfast';
import { serverChats, type Conversation } from './server-state';
import { until } from './until';

/** The server has what this page has, field by field. */
export async function expectSame(holdfast: Holdfast, page: Page): Promise<void> {
  await saved(page);
  const wanted = (await chatsOf(page)).map(normalised);
  await until('the server has the chats', async () => {
    return JSON.stringify((await serverChats(holdfast)).length) === JSON.stringify(wanted.length);
  });
  expect((await serverChats(holdfast)).map(normalised)).toEqual(wanted);
}

/** The app adds `userFlags: []` in place when it loads a chat, and writes it with the next change only. */
function normalised(chat: Conversation): Conversation {
  return {
    ...chat,
    messages: chat.messages.map((message) => ({ ...message, userFlags: message.userFlags ?? [] })),
  };
}

export async function expectImageShown(page: Page, width: number): Promise<void> {
  const image = page.getByTestId('image').first();
  const shown = await until('the image is shown', () =>
    image.evaluate((element) => (element as HTMLImageElement).naturalWidth || null),
  );
  expect(shown).toBe(width);
}

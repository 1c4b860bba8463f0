// What the bridge shows of itself in a page: its state for programs, its pill and its panel for people.
import { expect } from 'vitest';
import type { Locator, Page } from 'playwright-core';
import { appWrote, chatsOf } from './chat';
import type { Holdfast } from './holdfast';
import { serverChats, type Conversation } from './server-state';
import { until } from './until';

type Status = 'idle' | 'saving' | 'offline' | 'conflict' | 'failed';

declare global {
  interface Window {
    __holdfast?: { status: Status; pending: number; flush: () => Promise<void> };
  }
}

const LIMIT = { timeout: 30_000 };

/** Everything that the app wrote is acknowledged by the server. A conflict is resolved by then, only not yet shown. */
export async function saved(page: Page): Promise<void> {
  await appWrote(page);
  await page.waitForFunction(() => window.__holdfast?.pending === 0, undefined, LIMIT);
  await page.evaluate(() => window.__holdfast?.flush());
  await page.waitForFunction(
    () => window.__holdfast?.pending === 0 && ['idle', 'conflict'].includes(window.__holdfast.status),
    undefined,
    LIMIT,
  );
}

export async function statusIs(page: Page, status: Status): Promise<void> {
  await page.waitForFunction((wanted) => window.__holdfast?.status === wanted, status, LIMIT);
}

/** The small status at the edge of the page. */
export function pill(page: Page): Locator {
  return page.getByRole('button', { name: /holdfast/i });
}

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

/** A button of the panel, which opens by itself on a first visit. */
export function panelButton(page: Page, action: 'move' | 'merge'): Locator {
  return page.getByRole('button', { name: new RegExp(action, 'i') });
}

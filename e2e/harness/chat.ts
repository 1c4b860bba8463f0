// A user's hands: what one does in the app, by what one sees in it.
import type { Page } from 'playwright-core';
import type { Conversation } from './server-state';

const LIMIT = { timeout: 30_000 };

export async function ready(page: Page): Promise<void> {
  await page.getByTestId('composer').waitFor(LIMIT);
}

/** Sends a message and waits for the whole answer. */
export async function say(page: Page, text: string, image?: string): Promise<void> {
  const before = await page.getByTestId('message').count();
  await ask(page, text, image);
  await page
    .getByTestId('message')
    .nth(before + 1)
    .waitFor(LIMIT);
  await answered(page);
}

/** Sends a message and does not wait for the answer. */
export async function ask(page: Page, text: string, image?: string): Promise<void> {
  if (image) await attach(page, image);
  await page.getByTestId('composer').fill(text);
  await page.getByTestId('send').click();
}

/** Once the app has removed old drafts: it takes a new one along if that is attached in its first second. */
export async function attach(page: Page, image: string): Promise<void> {
  await page.waitForFunction(
    () => performance.getEntriesByName('draftsCollected').length > 0,
    undefined,
    LIMIT,
  );
  await page.getByTestId('attach').setInputFiles(image);
  await page.getByTestId('draft').waitFor(LIMIT);
}

export async function answered(page: Page): Promise<void> {
  await page.locator('[data-testid=message][data-pending=true]').waitFor({ state: 'detached', ...LIMIT });
}

export async function newChat(page: Page): Promise<string> {
  await page.getByTestId('new-chat').click();
  return openChatId(page);
}

export async function openChatId(page: Page): Promise<string> {
  return (await page.locator('[data-testid=chat][aria-current=true]').getAttribute('data-id'))!;
}

export async function openChat(page: Page, id: string): Promise<void> {
  await page.locator(`[data-testid=chat][data-id="${id}"]`).click();
  await page.locator(`[data-testid=chat][data-id="${id}"][aria-current=true]`).waitFor(LIMIT);
}

export async function rename(page: Page, title: string): Promise<void> {
  await page.getByTestId('title').fill(title);
  await page.getByTestId('title').press('Enter');
}

export async function editMessage(page: Page, id: string, text: string): Promise<void> {
  const message = page.locator(`[data-testid=message][data-id="${id}"]`);
  await message.getByTestId('edit').click();
  await message.getByTestId('edit-text').fill(text);
  await message.getByTestId('save').click();
  await message.getByText(text, { exact: true }).waitFor(LIMIT);
}

export function shownTexts(page: Page): Promise<string[]> {
  return page.getByTestId('text').allTextContents();
}

/** The chats that this page has in memory, as it would store them. */
export function chatsOf(page: Page): Promise<Conversation[]> {
  return page.evaluate(() => {
    const options = window.__app.chats.persist.getOptions();
    const stored = options.partialize!(window.__app.chats.getState()) as unknown;
    return (JSON.parse(JSON.stringify(stored)) as { conversations: Conversation[] }).conversations;
  });
}

/** The chats that are in IndexedDB. */
export function storedChatsOf(page: Page): Promise<Conversation[]> {
  return page.evaluate(async () => {
    const done = <Result>(request: IDBRequest<Result>) =>
      new Promise<Result>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const db = await done(indexedDB.open('keyval-store'));
    const text = await done(
      db.transaction('keyval').objectStore('keyval').get('app-chats') as IDBRequest<string>,
    );
    db.close();
    return (
      JSON.parse(text ?? '{"state":{"conversations":[]}}') as { state: { conversations: Conversation[] } }
    ).state.conversations;
  });
}

/** Waits until the app has written what it has; it decides itself when. */
export async function appWrote(page: Page): Promise<void> {
  await page.waitForFunction(() => window.__app.scheduler.idle, undefined, LIMIT);
}

/** Ids of the images in the browser. */
export function imageIdsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => window.__app.assets.toCollection().primaryKeys());
}

export async function restoreFlash(page: Page, backup: string): Promise<void> {
  const reloaded = page.waitForEvent('load', LIMIT);
  await page.getByTestId('restore').setInputFiles({
    name: 'flash.json',
    mimeType: 'application/json',
    buffer: Buffer.from(backup),
  });
  await reloaded;
  await ready(page);
}

export function flashBackup(page: Page): Promise<string> {
  return page.evaluate(async () => JSON.stringify(await window.__app.createFlashBackup(true)));
}

/** What the app's own load-time clean-up does to a chat. */
export function loaded(chat: Conversation): Conversation {
  return { ...chat, messages: chat.messages.map((message) => ({ userFlags: [], ...message })) };
}

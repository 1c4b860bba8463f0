// What the bridge shows of itself in a page: its state for programs, its pill and its panel for people.
import type { Locator, Page } from 'playwright-core';
import { appWrote } from './chat';

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
  return page.locator('holdfast-status button.pill');
}

/** The panel that asks what nobody else can answer. */
export function panel(page: Page): Locator {
  return page.locator('holdfast-panel');
}

/** Takes one of its choices, waits until it says that everything arrived, and closes it. */
export async function moveData(page: Page, choice: 'Move' | 'Merge'): Promise<void> {
  await panel(page).getByRole('button', { name: choice }).click();
  await panel(page).getByText('Everything is on the server').waitFor(LIMIT);
  const reloaded = choice === 'Merge' ? page.waitForEvent('load', LIMIT) : undefined;
  await panel(page).getByRole('button').click();
  await reloaded;
}

// The small status that people see.
import { expect, test } from 'vitest';
import { pill, saved, statusIs } from '../harness/bridge';
import { ask, ready, say } from '../harness/chat';
import { frontOf, world } from '../harness/world';

test('it says what is going on', async () => {
  const { holdfast, profile } = await world();
  const front = await frontOf(holdfast);
  const page = await profile().open(front.url);
  await ready(page);
  await say(page, 'Hello TOK5');
  await saved(page);
  await pill(page).getByText(/saved/i).waitFor();
  front.refuseApi();
  await ask(page, 'Away TOK5');
  await statusIs(page, 'offline');
  await pill(page)
    .getByText(/offline/i)
    .waitFor();
  front.allowAll();
  await pill(page).getByText(/saved/i).waitFor();
});

test('it can be reached and hidden with the keyboard, and stays hidden', async () => {
  const { url, profile } = await world();
  const page = await profile().open(url);
  await ready(page);
  await pill(page).waitFor();
  const focused = () =>
    page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.textContent ?? '');
  for (
    let presses = 0;
    presses < 40 && !(await pill(page).evaluate((button) => button.matches(':focus')));
    presses++
  ) {
    await page.keyboard.press('Tab');
  }
  expect(await focused()).not.toBe('');
  await page.keyboard.press('Enter');
  const hide = page.getByRole('button', { name: /hide/i });
  await hide.waitFor();
  await hide.focus();
  await page.keyboard.press('Enter');
  await pill(page).waitFor({ state: 'hidden' });
  await page.reload();
  await ready(page);
  await page.waitForFunction(() => window.__holdfast?.status === 'idle');
  expect(await pill(page).isVisible()).toBe(false);
});

// Waiting for a condition with a limit, instead of for a time.
import { setTimeout as pause } from 'node:timers/promises';

/** Asks again until the answer is neither false nor absent; fails with `what` after `limit` milliseconds. */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer> | Answer,
  limit = 20_000,
): Promise<Exclude<Answer, false | null | undefined>> {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await Promise.resolve()
      .then(ask)
      .catch((error: unknown) => (Date.now() > end ? Promise.reject(error as Error) : false));
    if (answer !== false && answer !== null && answer !== undefined) {
      return answer as Exclude<Answer, false | null | undefined>;
    }
    if (Date.now() > end) throw new Error(`Not within ${limit} ms: ${what}`);
    await pause(25);
  }
}

// One streamed answer in a long history: what is sent, what is written, and what the main thread does meanwhile.
import { installProbe, resetProbe } from './probe';
import { profileBridge } from './profile';
import { newChat, ready, say } from '../harness/chat';
import type { Front } from '../harness/front';
import { expectHistory, type Side } from './sides';

/** From where on the browser calls a task long. */
const LONG_MS = 50;

export interface Work {
  tokens: number;
  conversations: number;
}

export interface Answer {
  /** How often the app wrote its chats. */
  writes: number;
  /** Characters that it put into IndexedDB. */
  written: number;
  /** Bytes of JSON of the messages that changed from write to write. */
  changed: number;
  /** Milliseconds of the bridge on the main thread. */
  bridge: number;
  /** Tasks over 50 ms, and how many of them would be shorter without the bridge. */
  longTasks: number;
  addedLongTasks: number;
  /** Bytes sent to Holdfast: bodies, and with the lines of the requests. */
  bodies: number;
  total: number;
}

export async function streamAnswer(side: Side, work: Work, front?: Front): Promise<Answer> {
  const { tokens, conversations } = work;
  const page = await side.profile.newPage();
  await page.addInitScript(installProbe);
  await page.goto(front?.url ?? side.url);
  await ready(page);
  await expectHistory(page, conversations);
  await newChat(page);
  await say(page, 'Warm up TOK100');
  await side.settled(page);

  await page.evaluate(resetProbe);
  front?.sent.splice(0);
  const endProfile = await profileBridge(page);
  await say(page, `A long answer TOK${tokens}`);
  await side.settled(page);
  const bridge = await endProfile();
  const probe = await page.evaluate(() => window.__probe);
  const sent = (front?.sent ?? []).filter(({ path }) => path.startsWith('/_holdfast/'));
  await page.getByTestId('delete').click();
  await side.settled(page);
  await page.close();

  const bodies = sent.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0);
  return {
    writes: probe.writes,
    written: probe.written,
    changed: probe.changed,
    bridge: bridge.total,
    longTasks: probe.longTasks.length,
    addedLongTasks: probe.longTasks.filter(
      ({ start, duration }) => duration - bridge.within(start, duration) <= LONG_MS,
    ).length,
    bodies,
    total: bodies + sent.reduce((sum, { headerBytes }) => sum + headerBytes, 0),
  };
}

// How long the bridge ran on the main thread, from a CPU profile: samples with one of its functions on the stack,
// but those in which it only stands between the app and the browser's own work on the app's whole state.
import { setPriority } from 'node:os';
import type { CDPSession, Page } from 'playwright-core';
import { NOT_OF_THE_BRIDGE } from './probe';

/** Microseconds between two samples; more often, and taking them would be a part of what is measured. */
const INTERVAL = 500;

interface Node {
  id: number;
  callFrame: { functionName: string; url: string };
  children?: number[];
}

interface CpuProfile {
  nodes: Node[];
  /** Microseconds of the same clock as the page's `NavigationStart`. */
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

export interface BridgeTime {
  /** Milliseconds in all. */
  total: number;
  /** Milliseconds of a stretch of the page's time. */
  within: (start: number, duration: number) => number;
}

/** Returns what ends it, and gives the time of the bridge. */
export async function profileBridge(page: Page): Promise<() => Promise<BridgeTime>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: INTERVAL });
  await preferRenderers(page);
  const { ran } = await metrics(session);
  await session.send('Profiler.start');
  return async () => {
    const { profile } = (await session.send('Profiler.stop')) as unknown as { profile: CpuProfile };
    const after = await metrics(session);
    // A profile without the main thread's work would be a bridge that costs nothing.
    if (after.ran <= ran) throw new Error('the main thread did not run while it was profiled');
    return timeOfBridge(profile, after.start * 1e6);
  };
}

/**
 * A profile knows the clock only, and a thread that waits for a core looks busy in it. The main thread goes before the
 * other work of a small machine, as far as the system allows it. (On Linux a process id names its first thread.)
 */
async function preferRenderers(page: Page): Promise<void> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  for (const { type, id } of processInfo) {
    if (type !== 'renderer') continue;
    try {
      setPriority(id, -20);
    } catch {
      // Only root may. The figures then have waiting in them.
    }
  }
  await session.detach();
}

/** Seconds: when the page's time began, and how long its main thread ran. */
async function metrics(session: CDPSession): Promise<{ start: number; ran: number }> {
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
  return { start: of('NavigationStart'), ran: of('ThreadTime') };
}

function timeOfBridge({ nodes, samples, timeDeltas, startTime }: CpuProfile, origin: number): BridgeTime {
  const mine = nodesOfBridge(nodes);
  const ran: { at: number; ms: number }[] = [];
  let at = startTime - origin;
  samples.forEach((id, index) => {
    const delta = timeDeltas[index] ?? 0;
    at += delta;
    if (mine.has(id)) ran.push({ at: at / 1000, ms: delta / 1000 });
  });
  const sum = (part: typeof ran) => part.reduce((total, { ms }) => total + ms, 0);
  return {
    total: sum(ran),
    within: (start, duration) => sum(ran.filter((r) => r.at >= start && r.at <= start + duration)),
  };
}

function nodesOfBridge(nodes: Node[]): Set<number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const mine = new Set<number>();
  const visit = (node: Node, inBridge: boolean): void => {
    const { functionName, url } = node.callFrame;
    const inside = NOT_OF_THE_BRIDGE.includes(functionName) ? false : inBridge || url.includes('/_holdfast/');
    if (inside) mine.add(node.id);
    for (const child of node.children ?? []) visit(byId.get(child)!, inside);
  };
  visit(nodes[0]!, false);
  return mine;
}

// How long the bridge ran on the main thread, from a CPU profile: samples with one of its functions on the stack,
// but those in which it only stands between the app and the browser's own work on the app's whole state.
import type { CDPSession } from 'playwright-core';
import { NOT_OF_THE_BRIDGE } from './probe';

/** Microseconds between two samples. */
const INTERVAL = 200;

interface Node {
  id: number;
  callFrame: { functionName: string; url: string };
  children?: number[];
}

interface CpuProfile {
  nodes: Node[];
  samples: number[];
  timeDeltas: number[];
}

/** Returns what ends it, and gives the milliseconds of the bridge. */
export async function profileBridge(session: CDPSession): Promise<() => Promise<number>> {
  await session.send('Performance.enable');
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: INTERVAL });
  const before = await threadTimes(session);
  await session.send('Profiler.start');
  return async () => {
    const { profile } = (await session.send('Profiler.stop')) as unknown as { profile: CpuProfile };
    const after = await threadTimes(session);
    // A profile knows the clock only. On a busy machine the thread ran in a part of that time.
    const share = Math.min(1, (after.ran - before.ran) / (after.tasks - before.tasks));
    return share * timeOfBridge(profile);
  };
}

/** Seconds that tasks of the main thread took by the clock, and that it ran. */
async function threadTimes(session: CDPSession): Promise<{ tasks: number; ran: number }> {
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
  return { tasks: of('TaskDuration'), ran: of('ThreadTime') };
}

function timeOfBridge({ nodes, samples, timeDeltas }: CpuProfile): number {
  const mine = nodesOfBridge(nodes);
  const by: Record<string, number> = {};
  const names = new Map(
    nodes.map((n) => [n.id, n.callFrame.functionName + ':' + (n.callFrame as any).lineNumber]),
  );
  samples.forEach((id, i) => {
    if (mine.has(id)) by[names.get(id)!] = (by[names.get(id)!] ?? 0) + (timeDeltas[i] ?? 0) / 1000;
  });
  console.log(
    Object.entries(by)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 25),
  );
  const microseconds = samples.reduce(
    (sum, id, index) => (mine.has(id) ? sum + (timeDeltas[index] ?? 0) : sum),
    0,
  );
  return microseconds / 1000;
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

// How long the bridge ran on the main thread, from a CPU profile: samples with one of its functions on the stack,
// but those in which it only stands between the app and the browser's own work on the app's whole state.
import type { CDPSession } from 'playwright-core';
import { NOT_OF_THE_BRIDGE } from './probe';

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

export async function startProfile(session: CDPSession): Promise<void> {
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: 200 });
  await session.send('Profiler.start');
}

/** Milliseconds of the bridge. */
export async function stopProfile(session: CDPSession): Promise<number> {
  const { profile } = (await session.send('Profiler.stop')) as unknown as { profile: CpuProfile };
  const mine = nodesOfBridge(profile.nodes);
  const microseconds = profile.samples.reduce(
    (sum, id, index) => (mine.has(id) ? sum + (profile.timeDeltas[index] ?? 0) : sum),
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

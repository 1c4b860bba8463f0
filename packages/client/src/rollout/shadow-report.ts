import type { Transport } from '../transport.js';
import { differences } from './differences.js';

/** Which of the two sides, and what it did. */
export type Side = 'local' | 'server';
export type Work = 'read' | 'write';

interface StoreReport {
  compared: number;
  equal: number;
  /** Paths without values: a report must not carry what people wrote. */
  differences: string[];
  /** Milliseconds of each work, sorted when the report is made. */
  times: Map<string, number[]>;
  failures: string[];
}

/** How many times are kept of each work: the latest ones. */
const KEPT_TIMES = 200;

/** What was seen in `shadow` mode: where the two sides differed, and how long each took. */
export class ShadowReport {
  readonly #stores = new Map<string, StoreReport>();
  #isSent = true;

  compare(name: string, local: unknown, server: unknown): string[] {
    const report = this.#of(name);
    const paths = differences(local, server);
    report.compared += 1;
    if (paths.length === 0) report.equal += 1;
    report.differences = paths;
    return paths;
  }

  /** Does the work, and notes how long it took or that it failed. */
  async time<T>(name: string, side: Side, work: Work, run: () => T | Promise<T>): Promise<T> {
    const report = this.#of(name);
    const start = performance.now();
    try {
      return await run();
    } catch (cause) {
      report.failures.push(`${side} ${work}: ${cause instanceof Error ? cause.message : String(cause)}`);
      throw cause;
    } finally {
      const key = `${side} ${work}`;
      const times = report.times.get(key) ?? [];
      times.push(performance.now() - start);
      report.times.set(key, times.slice(-KEPT_TIMES));
    }
  }

  /** The report as it is posted. */
  body(): Record<string, unknown> {
    const stores = [...this.#stores].map(([name, { times, ...rest }]) => [
      name,
      { ...rest, milliseconds: Object.fromEntries([...times].map(([key, all]) => [key, summary(all)])) },
    ]);
    return { kind: 'shadow', at: Date.now(), stores: Object.fromEntries(stores) as unknown };
  }

  /** Posts what was seen since the last time; nothing when there is nothing new. */
  async send(transport: Transport, keepalive = false): Promise<void> {
    if (this.#isSent) return;
    this.#isSent = true;
    const body = JSON.stringify({ ...this.body(), client: transport.options.clientId });
    const reply = await transport.send({ method: 'POST', path: '/api/reports', body, keepalive });
    if (!reply.ok) this.#isSent = false;
  }

  #of(name: string): StoreReport {
    this.#isSent = false;
    let report = this.#stores.get(name);
    if (!report) {
      report = { compared: 0, equal: 0, differences: [], times: new Map(), failures: [] };
      this.#stores.set(name, report);
    }
    return report;
  }
}

function summary(times: readonly number[]): { count: number; median: number; p95: number } {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 100) / 100;
  return { count: sorted.length, median: at(0.5), p95: at(0.95) };
}

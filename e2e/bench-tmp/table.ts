// Results as a table of Markdown, with what was asked beside what was measured.
import { cpus, totalmem, type, release } from 'node:os';

export interface Row {
  work: string;
  holdfast: string;
  limit: string;
  figure: string;
  asked?: string;
  pass?: boolean;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function table(rows: Row[], facts: string[]): string {
  const lines = rows.map(({ work, holdfast, limit, figure, asked = '', pass }) => {
    const verdict = pass === undefined ? '' : pass ? 'pass' : 'FAIL';
    return `| ${work} | ${holdfast} | ${limit} | ${figure} | ${asked} | ${verdict} |`;
  });
  const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 1024)} kB memory, ${type()} ${release()}`;
  return [
    '# Bench of the browser side',
    '',
    ...[`date: ${new Date().toISOString().slice(0, 10)}`, ...facts, `machine: ${machine}`].map(
      (fact) => `- ${fact}`,
    ),
    '',
    '| work | behind Holdfast | plain IndexedDB | figure | asked | |',
    '|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

export const ms = (value: number) => `${value.toFixed(1)} ms`;
export const kB = (value: number) => `${(value / 1000).toFixed(1)} kB`;
export const times = (value: number) => `${value.toFixed(2)} times`;

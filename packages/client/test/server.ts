import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** A real server on a free port, with an empty database of its own. */
export interface TestServer {
  url: string;
  /** Ends the process at once, as a power cut does. */
  kill(): Promise<void>;
  /** Starts again on the same port and database. */
  restart(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

const root = resolve(import.meta.dirname, '../../..');
const binary = resolve(root, process.env['CARGO_TARGET_DIR'] ?? 'target', 'debug/holdfast');

export async function startServer(...flags: string[]): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  let { child, url } = await start(directory, '127.0.0.1:0', flags);
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    url,
    kill,
    async restart() {
      await kill();
      ({ child, url } = await start(directory, new URL(url).host, flags));
    },
    async close() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function start(
  directory: string,
  listen: string,
  flags: string[],
): Promise<{ child: ChildProcess; url: string }> {
  const options = [
    'serve',
    '--db',
    join(directory, 'holdfast.db'),
    '--listen',
    listen,
    '--log-format',
    'json',
  ];
  const child = spawn(binary, [...options, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.on('error', (cause) => {
    throw new Error(`${binary} does not start; build it with: cargo build -p holdfast`, { cause });
  });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const { url } = JSON.parse(line) as { url?: string };
    if (url) {
      child.stderr.resume();
      return { child, url };
    }
  }
  throw new Error(`the server ended: ${said.join('\n')}`);
}

/** Waits until `condition` gives something; fails after ten seconds with what it last gave. */
export async function until<T>(condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const end = Date.now() + 10_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`this did not become true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

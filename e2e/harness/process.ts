// Child processes that never outlive the test that started them, and free ports for them.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

export class Child {
  private output = '';
  private readonly process: ChildProcess;

  constructor(command: string, args: string[], env: Record<string, string> = {}) {
    // No settings of the caller's.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'));
    this.process = spawn(command, args, {
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output = (this.output + String(chunk)).slice(-100_000)));
    }
  }

  get log(): string {
    return this.output;
  }

  get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (!this.alive) return;
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

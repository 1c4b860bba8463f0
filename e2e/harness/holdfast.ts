// The real binary on a database of its own, in front of the app.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, freePort } from './process';
import { until } from './until';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');

export interface Options {
  directory: string;
  app: string;
  /** The app's port, a free one unless told. */
  appPort?: number;
  /** The name by which browsers know the app's port, 127.0.0.1 unless told. */
  host?: string;
  token?: string;
  args?: string[];
  build?: 'debug' | 'release';
}

export class Holdfast {
  private child: Child | undefined;

  private constructor(
    /** Where the API is. */
    readonly api: string,
    /** Where the app is, with the bridge in it. */
    readonly app: string,
    private readonly command: string,
    private readonly args: string[],
    private readonly token?: string,
  ) {}

  static async start(options: Options): Promise<Holdfast> {
    const { directory, app, host = '127.0.0.1', token, args = [], build = 'debug' } = options;
    const binary = resolve(target, build, 'holdfast');
    if (!existsSync(binary)) {
      const flag = build === 'release' ? ' --release' : '';
      throw new Error(`${binary} is missing: run 'cargo build${flag} -p holdfast' first`);
    }
    const [apiPort, appPort] = [await freePort(), options.appPort ?? (await freePort())];
    const flags = [
      ...['serve', '--db', resolve(directory, 'holdfast.db'), '--listen', `127.0.0.1:${apiPort}`],
      ...['--app', app, '--app-listen', `127.0.0.1:${appPort}`],
      ...(token ? ['--token', token] : []),
      ...(host === '127.0.0.1' ? [] : ['--allow-host', host]),
      ...args,
    ];
    const holdfast = new Holdfast(
      `http://127.0.0.1:${apiPort}`,
      `http://${host}:${appPort}`,
      binary,
      flags,
      token,
    );
    await holdfast.launch();
    return holdfast;
  }

  /** Starts it, again after `kill`: same ports, same database. */
  async launch(): Promise<void> {
    const child = new Child(this.command, this.args);
    this.child = child;
    await until('holdfast answers', async () => {
      if (!child.alive) return true;
      return (await fetch(`${this.api}/api/health/live`)).ok;
    });
    if (!child.alive) throw new Error(`holdfast ended:\n${child.log}`);
  }

  async kill(): Promise<void> {
    await this.child?.stop('SIGKILL');
  }

  /** A test must not end with a server that died on its own. */
  async stop(): Promise<void> {
    await this.child?.stop();
  }

  get log(): string {
    return this.child?.log ?? '';
  }

  async get<Answer>(path: string): Promise<Answer> {
    const response = await this.fetch(path);
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token) headers.set('authorization', `Bearer ${this.token}`);
    if (init.body) headers.set('content-type', 'application/json');
    return fetch(this.api + path, { ...init, headers });
  }
}

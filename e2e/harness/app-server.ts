// The app's own server, unaware of Holdfast.
import { fileURLToPath } from 'node:url';
import { Child, freePort } from './process';
import { until } from './until';

const program = fileURLToPath(new URL('../app/server.mjs', import.meta.url));

export interface AppServer {
  url: string;
  stop: () => Promise<void>;
}

/** `env`: DIST and CSP, see app/server.mjs. */
export async function startAppServer(env: Record<string, string> = {}, wanted?: number): Promise<AppServer> {
  const port = wanted ?? (await freePort());
  const child = new Child(process.execPath, [program, String(port)], env);
  await until('the app server says where it is', () => {
    if (!child.alive) throw new Error(child.log);
    return child.log.includes('http://');
  });
  return { url: `http://127.0.0.1:${port}`, stop: () => child.stop() };
}

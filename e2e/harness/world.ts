// What a scenario needs, taken down when its test ends: a directory, the app's server, Holdfast, profiles.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFailed, onTestFinished } from 'vitest';
import { startAppServer } from './app-server';
import { Profile } from './browser';
import { ready } from './chat';
import { Front } from './front';
import { Holdfast, type Options } from './holdfast';
import { freePort } from './process';

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

function profilesIn(path: string) {
  return (name = 'a', args: string[] = []): Profile => {
    const profile = Profile.in(path, name, args);
    onTestFinished(() => profile.close());
    onTestFailed(
      () => void (profile.errors.length && console.error(`profile ${name}:\n${profile.errors.join('\n')}`)),
    );
    return profile;
  };
}

/** The app as it is, without Holdfast. */
export async function nativeWorld() {
  const path = await directory();
  const app = await startAppServer();
  onTestFinished(app.stop);
  return { url: app.url, profile: profilesIn(path) };
}

interface WorldOptions extends Partial<Options> {
  /** For the app's own server. */
  appEnv?: Record<string, string>;
  /** What happened at the app's address before Holdfast was put in front of it. */
  before?: (url: string, profile: Profile) => Promise<void>;
}

/** The same app, unmodified, behind Holdfast. */
export async function world({ appEnv, before, ...options }: WorldOptions = {}) {
  const path = await directory();
  const profile = profilesIn(path);
  const appPort = await freePort();
  if (before) {
    const earlier = await startAppServer(appEnv, appPort);
    const browser = profile('before');
    await before(earlier.url, browser);
    await browser.close();
    await earlier.stop();
  }
  const app = await startAppServer(appEnv);
  onTestFinished(app.stop);
  const holdfast = await Holdfast.start({ directory: path, app: app.url, appPort, ...options });
  onTestFailed(() => console.error(`holdfast:\n${holdfast.log.slice(-4_000)}`));
  onTestFinished(() => holdfast.stop());
  return { path, holdfast, url: holdfast.app, profile };
}

/** The app built with the client package; its own server stays up when Holdfast does not. */
export async function clientWorld() {
  const path = await directory();
  const app = await startAppServer({ DIST: fileURLToPath(new URL('../app/dist/client', import.meta.url)) });
  onTestFinished(app.stop);
  const holdfast = await Holdfast.start({ directory: path, app: app.url, args: ['--allow-origin', app.url] });
  onTestFailed(() => console.error(`holdfast:\n${holdfast.log.slice(-4_000)}`));
  onTestFinished(() => holdfast.stop());
  const profile = profilesIn(path);
  const open = async (of: Profile) => {
    const page = await of.newPage();
    await page.addInitScript(
      (url) => void Object.assign(globalThis, { __HOLDFAST__: { url } }),
      holdfast.api,
    );
    await page.goto(app.url);
    await ready(page);
    return page;
  };
  return { holdfast, profile, open };
}

/** Something between the browser and Holdfast that can refuse and count. */
export async function frontOf(holdfast: Holdfast): Promise<Front> {
  const front = await Front.before(holdfast.app);
  onTestFinished(front.stop);
  return front;
}

// What a scenario needs, taken down when its test ends: a directory, the app's server, Holdfast, profiles.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFailed, onTestFinished } from 'vitest';
import { startAppServer } from './app-server';
import { Profile } from './browser';
import { Holdfast, type Options } from './holdfast';

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

function profilesIn(path: string) {
  return (name = 'a'): Profile => {
    const profile = Profile.in(path, name);
    onTestFinished(() => profile.close());
    onTestFailed(() => void (profile.errors.length && console.error(`profile ${name}:\n${profile.errors.join('\n')}`)));
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

/** The same app, unmodified, behind Holdfast. */
export async function world(options: Partial<Options> & { appEnv?: Record<string, string> } = {}) {
  const path = await directory();
  const app = await startAppServer(options.appEnv);
  onTestFinished(app.stop);
  const holdfast = await Holdfast.start({ directory: path, app: app.url, ...options });
  onTestFailed(() => console.error(`holdfast:\n${holdfast.log.slice(-4_000)}`));
  onTestFinished(() => holdfast.stop());
  return { path, holdfast, url: holdfast.app, upstream: app.url, profile: profilesIn(path) };
}

// What a first visit loads of the bridge, compressed.
import { gzipSync } from 'node:zlib';
import { ready } from '../harness/chat';
import type { Front } from '../harness/front';
import type { Profile } from '../harness/browser';

export async function bridgeSize(
  front: Front,
  profile: Profile,
): Promise<{ scripts: string[]; bytes: number }> {
  front.sent.splice(0);
  const page = await profile.open(front.url);
  await ready(page);
  await page.waitForFunction(() => window.__holdfast?.status === 'idle');
  await profile.close();
  const paths = front.sent
    .map(({ path }) => path)
    .filter((path) => /^\/_holdfast\/[^?]*\.js(\?|$)/.test(path));
  const scripts = [...new Set(paths)];
  let bytes = 0;
  for (const script of scripts) {
    bytes += gzipSync(await (await fetch(front.url + script)).arrayBuffer(), { level: 9 }).length;
  }
  return { scripts, bytes };
}

// A browser profile: real Chromium on a directory that can be wiped.
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

const candidates = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export class Profile {
  /** What the pages of this profile complained about. */
  readonly errors: string[] = [];
  private context: BrowserContext | undefined;

  constructor(
    readonly directory: string,
    private readonly extra: string[] = [],
  ) {}

  async start(): Promise<void> {
    const executablePath = candidates.find(existsSync);
    if (!executablePath)
      throw new Error('chromium is missing: install it (on Debian: sudo apt-get install chromium)');
    await mkdir(this.directory, { recursive: true });
    this.context = await chromium.launchPersistentContext(this.directory, {
      executablePath,
      args: [...args, ...this.extra],
      viewport: { width: 1200, height: 800 },
    });
    this.context.on('weberror', (error) => this.errors.push(String(error.error())));
  }

  async newPage(): Promise<Page> {
    if (!this.context) await this.start();
    const page = await this.context!.newPage();
    page.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
    return page;
  }

  async open(url: string): Promise<Page> {
    const page = await this.newPage();
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.context?.close();
    this.context = undefined;
  }

  /** As if the user had cleared everything: the next page starts from an empty profile. */
  async wipe(): Promise<void> {
    await this.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  static in(directory: string, name: string, extra: string[] = []): Profile {
    return new Profile(join(directory, `profile-${name}`), extra);
  }
}

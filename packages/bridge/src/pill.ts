import type { Outbox, OutboxStatus } from '../../client/src/outbox.js';
import { page } from './native.js';
import { button } from './panel.js';
import { readOwn, updateOwn } from './own.js';

const STYLE = `
:host { all: initial; position: fixed; right: 8px; bottom: 8px; z-index: 2147483000; font: 12px/1.4 system-ui, sans-serif; color: #222; }
:host([hidden]) { display: none; }
button { font: inherit; color: inherit; background: #fff; border: 1px solid #8885; border-radius: 6px; padding: 2px 8px; cursor: pointer; }
.pill { border-radius: 999px; opacity: .75; }
.pill:hover, .pill:focus-visible, .pill.warns { opacity: 1; }
.pill::before { content: ''; display: inline-block; width: 7px; height: 7px; margin-right: 6px; border-radius: 50%; background: #2a9d4a; }
.pill.works::before { background: #3b82f6; }
.pill.warns::before { background: #e08a00; }
.pill.fails::before { background: #d33; }
.menu { position: absolute; right: 0; bottom: 100%; width: 240px; margin-bottom: 6px; padding: 10px; background: #fff; border: 1px solid #8885; border-radius: 8px; box-shadow: 0 4px 16px #0003; }
.menu p { margin: 0 0 8px; }
.menu button { margin: 0 6px 0 0; }
@media (prefers-color-scheme: dark) { :host { color: #eee; } button, .menu { background: #222; } }
`;

/** What the pill says: short in the corner, in full in its menu. */
interface Saying {
  kind: 'rests' | 'works' | 'warns' | 'fails';
  short: string;
  long: string;
}

/** How long it must last that something is saved, before the pill says so: most writes are acknowledged sooner. */
const SHOW_AFTER_MS = 300;

/** A small status in the corner of the page, in a shadow root of its own beside the app. */
export class Pill {
  readonly #outbox: Outbox;
  readonly #host = document.createElement('holdfast-status');
  readonly #button = document.createElement('button');
  readonly #said = document.createElement('span');
  readonly #menu = document.createElement('div');
  #isElsewhere = false;
  #failure: string | undefined;
  #isLocal = false;
  #isHidden = readOwn().isPillHidden === true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
    const root = this.#host.attachShadow({ mode: 'open' });
    const style = document.createElement('style');
    style.textContent = STYLE;
    this.#said.setAttribute('role', 'status');
    this.#button.append(this.#said);
    this.#button.title = 'Holdfast';
    this.#button.setAttribute('aria-haspopup', 'true');
    this.#button.addEventListener('click', () => this.#toggle());
    this.#menu.className = 'menu';
    this.#menu.hidden = true;
    root.addEventListener('keydown', (event) => {
      if ((event as KeyboardEvent).key === 'Escape' && !this.#menu.hidden) this.#toggle();
    });
    root.append(style, this.#menu, this.#button);
    outbox.status.subscribe(({ state }) => {
      if (state !== 'idle' && state !== 'saving') this.#draw();
      else this.#timer ??= setTimeout(() => this.#draw(), SHOW_AFTER_MS);
    });
    // The app's framework takes over what is in <body>: this stands beside it.
    const attach = () => {
      document.documentElement.append(this.#host);
      this.#draw();
    };
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', attach);
    else attach();
  }

  /** Somebody else changed something that the running app cannot be told of. */
  showElsewhere(): void {
    this.#isElsewhere = true;
    this.#draw();
  }

  /** Something went wrong that the outbox does not know of. */
  fail(error: unknown): void {
    this.#failure = error instanceof Error ? error.message : String(error);
    this.#draw();
  }

  /** This page's data stays in this browser. */
  showLocal(isLocal: boolean): void {
    this.#isLocal = isLocal;
    this.#draw();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { kind, short } = this.#saying();
    if (short !== this.#said.textContent) {
      this.#said.textContent = short;
      this.#button.className = `pill ${kind}`;
      this.#host.hidden = this.#isHidden && (kind === 'rests' || kind === 'works');
    }
    if (!this.#menu.hidden) this.#drawMenu();
  }

  #drawMenu(): void {
    const { kind, long } = this.#saying();
    const shown = this.#menu.querySelector('p')?.textContent;
    // A button that has the focus must not be replaced by its like.
    if (shown === long) return;
    const text = document.createElement('p');
    text.textContent = long;
    this.#menu.replaceChildren(text, ...this.#choices(kind));
  }

  #saying(): Saying {
    if (this.#failure !== undefined) {
      const long = `${this.#failure}. Reload the page to try again; what you write is kept in this browser.`;
      return { kind: 'fails', short: 'not connected', long };
    }
    if (this.#isLocal)
      return {
        kind: 'warns',
        short: 'only in this browser',
        long: 'Chats of this browser are not on the server.',
      };
    const saying = sayingOf(this.#outbox.status.get());
    if (!this.#isElsewhere || saying.kind === 'fails') return saying;
    return {
      kind: 'warns',
      short: 'changed elsewhere: reload',
      long: 'Another device changed something. Reload to see it.',
    };
  }

  #choices(kind: Saying['kind']): HTMLButtonElement[] {
    const { conflicts } = this.#outbox.status.get();
    const reload = () => void this.#outbox.flush().finally(() => page.reload());
    const hide = () => {
      updateOwn({ isPillHidden: true });
      this.#isHidden = true;
      this.#toggle();
      this.#host.hidden = true;
    };
    return [
      ...(kind === 'warns' || kind === 'fails' ? [button('Reload', reload)] : []),
      ...(conflicts.length > 0 ? [button('Understood', () => this.#outbox.dismissConflicts())] : []),
      ...(kind === 'fails' ? [button('Try again', () => void this.#outbox.flush())] : []),
      ...(kind === 'rests' || kind === 'works' ? [button('Hide while all is well', hide)] : []),
    ];
  }

  #toggle(): void {
    this.#menu.hidden = !this.#menu.hidden;
    if (!this.#menu.hidden) this.#drawMenu();
    this.#button.setAttribute('aria-expanded', String(!this.#menu.hidden));
    if (this.#menu.hidden) this.#button.focus();
    else this.#menu.querySelector('button')?.focus();
  }
}

function sayingOf({ state, pending, conflicts, problem }: OutboxStatus): Saying {
  switch (state) {
    case 'idle':
      return { kind: 'rests', short: 'saved', long: 'Everything is on the server.' };
    case 'saving':
      return { kind: 'works', short: 'saving', long: `${pending} changes are on their way to the server.` };
    case 'offline':
      return {
        kind: 'warns',
        short: `offline, ${pending} pending`,
        long: problem ?? 'The server does not answer.',
      };
    case 'conflict': {
      const both = conflicts.some((c) => c.kept === 'sibling')
        ? 'Both texts are kept, one after the other.'
        : 'The other version is in the history.';
      return {
        kind: 'warns',
        short: 'conflict',
        long: `This was changed on another device too. ${both} Reload to see it.`,
      };
    }
    case 'failed':
      return { kind: 'fails', short: 'not saved', long: problem ?? 'The server refused a change.' };
  }
}

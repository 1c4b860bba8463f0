const STYLE = `
:host { all: initial; position: fixed; right: 12px; bottom: 40px; z-index: 2147483001; width: min(360px, calc(100vw - 24px)); font: 14px/1.45 system-ui, sans-serif; color: #222; }
section { padding: 14px 16px; background: #fff; border: 1px solid #8885; border-radius: 10px; box-shadow: 0 6px 24px #0004; }
h2 { margin: 0 0 6px; font-size: 15px; }
p { margin: 0 0 10px; white-space: pre-line; }
progress { width: 100%; }
button { font: inherit; color: inherit; margin: 0 8px 4px 0; padding: 4px 12px; background: #8881; border: 1px solid #8888; border-radius: 6px; cursor: pointer; }
button:first-of-type { color: #fff; background: #1f6feb; border-color: #1f6feb; }
@media (prefers-color-scheme: dark) { :host { color: #eee; } section { background: #222; } }
`;

/** A small panel above the status, for the few questions that nobody else can answer. The app goes on beside it. */
export class Panel {
  readonly #host = document.createElement('holdfast-panel');
  readonly #section = document.createElement('section');

  constructor() {
    const root = this.#host.attachShadow({ mode: 'open' });
    const style = document.createElement('style');
    style.textContent = STYLE;
    this.#section.setAttribute('role', 'dialog');
    root.append(style, this.#section);
  }

  /** Asks, and resolves with the choice that was taken. */
  ask<T extends string>(title: string, text: string, choices: Record<T, string>): Promise<T> {
    return new Promise((resolve) => {
      const buttons = (Object.entries(choices) as [T, string][]).map(([choice, label]) =>
        button(label, () => {
          this.close();
          resolve(choice);
        }),
      );
      this.#show(title, element('p', text), ...buttons);
    });
  }

  /** Shows how far something is, until it is told that it is at its end or `cancel` is taken. */
  follow(title: string, cancel: () => void): (text: string, done: number, of: number) => void {
    const bar = document.createElement('progress');
    const said = element('p', '');
    said.setAttribute('role', 'status');
    bar.setAttribute('aria-label', title);
    this.#show(title, said, bar, button('Cancel', cancel));
    return (text, done, of) => {
      said.textContent = text;
      bar.max = Math.max(1, of);
      bar.value = done;
    };
  }

  close(): void {
    this.#host.remove();
  }

  #show(title: string, ...children: HTMLElement[]): void {
    this.#section.setAttribute('aria-label', title);
    this.#section.replaceChildren(element('h2', title), ...children);
    const attach = () => document.documentElement.append(this.#host);
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', attach);
    else attach();
  }
}

function element(name: 'h2' | 'p', text: string): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

export function button(label: string, act: () => void): HTMLButtonElement {
  const made = document.createElement('button');
  made.textContent = label;
  made.addEventListener('click', act);
  return made;
}

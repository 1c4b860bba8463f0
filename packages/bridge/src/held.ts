const EVENTS = ['success', 'error', 'upgradeneeded', 'blocked'] as const;

type Handler = ((event: Event) => unknown) | null;

/**
 * A request of IndexedDB whose answer waits for something else, and may be another one. It looks like the native
 * request, which it forwards to once there is one.
 */
export class HeldRequest extends EventTarget {
  onsuccess: Handler = null;
  onerror: Handler = null;
  onupgradeneeded: Handler = null;
  onblocked: Handler = null;
  #native: IDBRequest | undefined;
  #answer: { value: unknown } | undefined;

  constructor() {
    super();
    for (const type of EVENTS) this.addEventListener(type, (event) => this[`on${type}`]?.call(this, event));
  }

  get readyState(): IDBRequestReadyState {
    return this.#answer ? 'done' : (this.#native?.readyState ?? 'pending');
  }

  get result(): unknown {
    return this.#answer ? this.#answer.value : (this.#native?.result as unknown);
  }

  get error(): DOMException | null {
    return this.#native?.error ?? null;
  }

  get source(): unknown {
    return this.#native?.source ?? null;
  }

  get transaction(): IDBTransaction | null {
    return this.#native?.transaction ?? null;
  }

  /** From now on this is `request`. An `instead` may hold back its success and answer something else. */
  forward(request: IDBRequest, instead?: (result: unknown) => Promise<unknown> | undefined): void {
    this.#native = request;
    for (const type of EVENTS) {
      request.addEventListener(type, (event) => {
        const other = type === 'success' ? instead?.(request.result) : undefined;
        if (other === undefined) this.#repeat(event);
        else void this.#answerWith(other);
      });
    }
  }

  async #answerWith(other: Promise<unknown>): Promise<void> {
    // What cannot be looked up is what the browser has: nothing.
    this.#answer = { value: await other.catch(() => undefined) };
    this.dispatchEvent(new Event('success'));
  }

  #repeat(event: Event): void {
    const { type, bubbles, cancelable } = event;
    const copy =
      'oldVersion' in event
        ? new IDBVersionChangeEvent(type, event as IDBVersionChangeEvent)
        : new Event(type, { bubbles, cancelable });
    if (!this.dispatchEvent(copy)) event.preventDefault();
  }
}

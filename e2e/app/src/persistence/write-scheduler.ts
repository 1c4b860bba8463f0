// When the app writes a large store: not at once, but 321 ms after the last change or 1,234 ms after the
// first one, whichever comes first; one write at a time; serialised only just before it is written. Like the
// original, it does not write when the page goes away.

const MERGE_WINDOW = 321;
const DEADLINE = 1234;

export class WriteScheduler<Value> {
  private pending: { value: Value; since: number } | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private writing = false;
  writes = 0;

  constructor(private readonly write: (value: Value) => Promise<void>) {}

  /** True when nothing waits and nothing is under way. */
  get idle(): boolean {
    return !this.pending && !this.writing;
  }

  schedule(value: Value): void {
    this.pending = { value, since: this.pending?.since ?? performance.now() };
    if (!this.writing) this.arm();
  }

  private arm(): void {
    if (!this.pending) return;
    clearTimeout(this.timer);
    const left = this.pending.since + DEADLINE - performance.now();
    this.timer = setTimeout(() => void this.run(), Math.max(0, Math.min(MERGE_WINDOW, left)));
  }

  private async run(): Promise<void> {
    if (!this.pending) return;
    const { value } = this.pending;
    this.pending = undefined;
    this.writing = true;
    try {
      await this.write(value);
      this.writes++;
    } catch (error) {
      console.error('The chats could not be saved', error);
    } finally {
      this.writing = false;
      this.arm();
    }
  }
}

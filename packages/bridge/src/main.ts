// The script that the proxy puts before an unmodified app. Its own stores keep working as they are, in localStorage and
// IndexedDB: this seeds them with what the server has, follows what they write, and sends it.
import { Bridge } from './bridge.js';

declare const HOLDFAST_VERSION: string;

try {
  const bridge = new Bridge();
  const { outbox } = bridge;
  const handle = {
    version: HOLDFAST_VERSION,
    flush: () => outbox.flush(),
    get status() {
      return outbox.status.get().state;
    },
    get pending() {
      return outbox.status.get().pending;
    },
    get conflicts() {
      return outbox.status.get().conflicts;
    },
  };
  Object.defineProperty(window, '__holdfast', { value: Object.freeze(handle), configurable: true });
  bridge.start();
} catch (error) {
  // Storage is switched off, say. The app runs as it would without us.
  console.error('Holdfast cannot keep this app’s data on the server:', error);
}

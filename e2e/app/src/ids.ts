// The app's ids: 21 characters of the URL alphabet. crypto.getRandomValues works in insecure contexts too.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

export function createId(length = 21): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => ALPHABET[byte & 63]).join('');
}

/** A uuid that is always the same for one asset id: references carry it beside the id. */
export function uuidOfId(id: string): string {
  const hex = Array.from(id.padEnd(16, '.'), (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join(
    '',
  );
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** Where a store's state is: in the browser as before, in both with a comparison, or on the server. */
export type Mode = 'local' | 'shadow' | 'server';

/** By flag, or by the share of browsers in percent; what is left stays `local`. */
export type ModeChoice = Mode | { shadow?: number; server?: number };

/**
 * The mode of one browser. Shares are taken from one fixed order of all browsers, those on the server first: raising
 * a share moves further browsers and never one back.
 */
export function modeOf(choice: ModeChoice, clientId: string): Mode {
  if (typeof choice === 'string') return choice;
  const place = placeOf(clientId);
  const server = choice.server ?? 0;
  if (place < server) return 'server';
  return place < server + (choice.shadow ?? 0) ? 'shadow' : 'local';
}

/** A number from 0 to under 100, always the same for one id: FNV-1a, its bits mixed as ids differ in few of them. */
function placeOf(clientId: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(clientId)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * 100;
}

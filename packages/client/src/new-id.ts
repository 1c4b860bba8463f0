/** A new id of 20 characters. `crypto.randomUUID` exists only in secure contexts, not on plain http in a network. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(15));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}

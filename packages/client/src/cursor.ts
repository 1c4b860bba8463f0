/** A place in the changes feed, and the revision of an entity: `<epoch>-<seq>`. */
export type Cursor = `${string}-${number}`;

export function cursor(epoch: string, seq: number): Cursor {
  return `${epoch}-${seq}`;
}

export function seqOf(at: Cursor): number {
  return Number(at.slice(at.lastIndexOf('-') + 1));
}

export function epochOf(at: Cursor): string {
  return at.slice(0, at.lastIndexOf('-'));
}

/** The ETag of what was last seen at `at`. Any revision between the entity's own and the newest one serves. */
export function etag(at: Cursor): string {
  return `"${epochOf(at)}-r${seqOf(at)}"`;
}

/** The earlier of two; nothing where they are of different lines of history. */
export function earlier(a: Cursor | null, b: Cursor | null): Cursor | null {
  if (a === null || b === null || epochOf(a) !== epochOf(b)) return null;
  return seqOf(a) < seqOf(b) ? a : b;
}

/** The later of two revisions; one of another epoch than `b` is stale. */
export function later(a: Cursor | null, b: Cursor): Cursor {
  return a !== null && epochOf(a) === epochOf(b) && seqOf(a) > seqOf(b) ? a : b;
}

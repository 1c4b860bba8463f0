/** What browsers let the requests of a closing page carry together (64 KiB), less a margin for other requests. */
export const KEEPALIVE_BYTES = 63_000;

/** Set to 1 when the answer came from Redis or from memory and PostgreSQL can't be asked now: it may be old. */
export const staleHeader = "x-tallyman-stale";

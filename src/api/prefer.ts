import { limits } from "../limits.ts";

const waitPreference = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i;

/**
 * The seconds that `Prefer: wait=n` (RFC 7240) asks for, at most `limits.waitSecondsMax`; 0 when it asks for none. What is
 * not understood is ignored, as the RFC has it.
 */
export function waitSecondsOf(prefer: string | undefined): number {
  if (prefer === undefined) return 0;
  const seconds = waitPreference.exec(prefer)?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds), limits.waitSecondsMax);
}

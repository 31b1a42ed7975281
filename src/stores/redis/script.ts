import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";
import { CacheUnavailable } from "../effects-cache.ts";

export type Script = { readonly text: string; readonly sha: string };

/** Reads a script beside this file. Keys, arguments and result are in each script's head. */
export function loadScript(file: string): Script {
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/**
 * Runs a script by its hash and, when Redis does not know it (new, or restarted), by its text. Rejects with
 * `CacheUnavailable`; the script may then have run, or run later.
 */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw cacheUnavailable(error);
  }
  try {
    return await redis.eval(script.text, keys.length, ...keys, ...args);
  } catch (error) {
    throw cacheUnavailable(error);
  }
}

export function cacheUnavailable(cause: unknown): CacheUnavailable {
  if (cause instanceof CacheUnavailable) return cause;
  return new CacheUnavailable(cause instanceof Error ? cause.message : String(cause), { cause });
}

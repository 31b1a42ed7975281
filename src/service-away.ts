/** Waiting, at the start, for a service that is not there yet, and saying which one it was when it stays away. */
import { limits } from "./limits.ts";

/** A service that a process can't start without did not come up. The message names it and its address. */
export class ServiceAway extends Error {
  override readonly name = "ServiceAway";
}

/** `service` is its name and its address, without a password, for people. */
export type AwaitedService = { readonly name: string; readonly address: string };

/**
 * The result of `work`, which tries by itself to reach the service. Rejects with `ServiceAway` when it has not settled after
 * `waitMs`, as with a service that takes connections and answers nothing, and when `isAway` says of its error that the service
 * could not be reached; with the error itself otherwise.
 */
export async function awaitService<Result>(
  { name, address }: AwaitedService,
  work: Promise<Result>,
  isAway: (error: unknown) => boolean,
  waitMs: number = limits.startWaitMs,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const fail = () => reject(new ServiceAway(`${name} at ${address} does not answer; ${waitMs / 1000} s were waited`));
    timer = setTimeout(fail, waitMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    if (error instanceof ServiceAway || !isAway(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ServiceAway(`${name} at ${address} did not come up: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** A service's URL as it may be shown. */
export function withoutPassword(url: string): string {
  const shown = new URL(url);
  shown.password = "";
  return shown.href;
}

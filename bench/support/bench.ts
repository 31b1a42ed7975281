// A benchmark's frame: the services it runs on, and the end of everything when it is done, fails or is asked to stop.
import { complete, readNamed } from "../../local/addresses.ts";
import { Failure, runMain } from "../../local/failure.ts";
import { type Profile, openProfile } from "../../local/paths.ts";
import { type Progress, printProgress } from "../../local/progress.ts";
import { type Services, startServices } from "../../local/services.ts";
import { isStop, stopRequest } from "../../local/stop-request.ts";
import { type Defaults, type Options, readOptions } from "./options.ts";

export type Bench = {
  readonly profile: Profile;
  readonly progress: Progress;
  readonly services: Services;
  /** Aborts when a stop is asked for and when something that is needed has ended. Whatever takes long listens to it. */
  readonly signal: AbortSignal;
  /** Ends the benchmark with this explanation. */
  giveUp(why: string): void;
};

/**
 * Runs `work` on services of the profile `bench`, or on those that the environment names, with the options of the command line. Its result
 * is the exit code. A default that is false is a flag's; one that is named `json` leaves stdout to `work`.
 */
export async function runBench<D extends Defaults>(
  command: string,
  defaults: D,
  work: (bench: Bench, options: Options<D>) => Promise<number>,
): Promise<void> {
  await runMain(async () => {
    const options = readOptions(defaults);
    const name = process.env.TALLYMAN_PROFILE;
    const profile = openProfile(name === undefined ? "bench" : `${name}-bench`);
    // With --json the figures are all that stdout gets.
    const progress = printProgress("json" in options && options.json === true ? console.error : console.log);
    const named = readNamed(process.env);
    const failure = new AbortController();
    const signal = AbortSignal.any([stopRequest, failure.signal]);
    const giveUp = (why: string): void => failure.abort(new Failure(why));
    try {
      // Emptied first, so that every run begins with the same files. Not when all services are somebody else's: then nobody holds the
      // profile's lock, and another benchmark may have its services there.
      const fresh = complete(named) === undefined;
      const services = await startServices({ profile, named, progress, command, signal: stopRequest, fresh });
      void services.crashed.then(giveUp);
      try {
        return await work({ profile, progress, services, signal, giveUp }, options);
      } finally {
        await services.stop();
      }
    } catch (error) {
      if (isStop(error)) return 130;
      // What was broken by it says less than the reason itself.
      throw failure.signal.aborted ? failure.signal.reason : error;
    }
  });
}

/** Rejects as soon as `signal` aborts, for work that can't be told to end. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

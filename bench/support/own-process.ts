// A peer's process: in the benchmark's custody, with its output in the profile's logs, and missed when it ends by itself.
import { lastLines } from "../../local/files.ts";
import { type Service, launch } from "../../local/supervise.ts";
import type { Bench } from "./bench.ts";
import { cleanUp } from "./own-database.ts";

export type OwnProcess = {
  readonly name: string;
  /** A script for this Node; or a program with its arguments. */
  readonly run: { readonly script: string } | { readonly command: string; readonly args: readonly string[] };
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Lower ones are stopped first where all is stopped at once. */
  readonly rank: number;
};

/** Starts it, and stops it when `stack` is disposed of. The benchmark ends when it does so before. */
export function startOwnProcess(bench: Bench, stack: AsyncDisposableStack, wanted: OwnProcess): Service {
  const { name, run, cwd, environment, rank } = wanted;
  const program =
    "script" in run
      ? { command: process.execPath, args: [...process.execArgv, run.script], ours: true }
      : { command: run.command, args: [...run.args] };
  const { profile, services, signal } = bench;
  const service = launch(
    { name, ...program, cwd, env: { ...environment }, stop: { rank, signal: "SIGTERM", limitMs: 10_000 } },
    { profile, custody: services.custody, signal },
  );
  let stopping = false;
  void service.exited.then((how) => {
    if (!stopping) bench.giveUp(`${name} ended by itself (${how}):\n${lastLines(service.logFile)}`);
  });
  cleanUp(stack, `stop ${name}`, () => {
    stopping = true;
    return service.stop();
  });
  return service;
}

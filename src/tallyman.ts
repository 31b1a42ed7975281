/**
 * The command line: `node src/tallyman.ts <command>`. Each command is a file in `command-line/`. Exit codes: 0 fine; 1 there
 * are differences, or it failed; 2 the command line or the environment is wrong; 3 a service is away or not fit.
 */
import { readFileSync, realpathSync } from "node:fs";
import { registerAudit } from "./command-line/audit.ts";
import { runCommandLine } from "./command-line/command-line.ts";
import { registerDlq } from "./command-line/dlq.ts";
import { registerParked } from "./command-line/parked.ts";
import { registerPartitions } from "./command-line/partitions.ts";
import { registerTopology } from "./command-line/topology.ts";
import type { ExitCode } from "./command-line/exit-codes.ts";

const commands = [registerAudit, registerDlq, registerParked, registerPartitions, registerTopology];

/** Runs one command. `hint` is said instead of which variables are missing. */
export function tallyman(args: readonly string[], hint?: string): Promise<ExitCode> {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return runCommandLine(args, commands, { version, ...(hint === undefined ? {} : { hint }) });
}

const [, script] = process.argv;
if (script !== undefined && realpathSync(script) === import.meta.filename) {
  process.exitCode = await tallyman(process.argv.slice(2));
}

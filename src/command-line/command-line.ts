/**
 * The command line `tallyman`: what all commands share. A command is a file of this room that registers itself; it is given an
 * invocation, prints its result, and answers with the exit code. Results go to stdout, everything else to stderr.
 */
import { Command, InvalidArgumentError } from "commander";
import { pino } from "pino";
import type { Logger } from "pino";
import { readConfig } from "../config.ts";
import type { Config } from "../config.ts";
import { exitCodeOf, exitCodes, lineOf } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";

/** One call of one command. */
export type Invocation = {
  readonly config: Config;
  /** The result is wanted as one JSON document, or as one a line where it is a list without an end. */
  readonly json: boolean;
  /** Aborted by Ctrl-C: the command stops where it can, and closes what it opened. */
  readonly signal: AbortSignal;
  /** For clients and adapters; silent unless --verbose is given. */
  readonly log: Logger;
  /** Writes a line of the result. */
  readonly print: (line: string) => void;
  /** Writes bytes of the result as they are. */
  readonly printBytes: (bytes: Buffer) => void;
};

export type CommandLine = {
  /** Where commands are added. */
  readonly program: Command;
  /** Makes a commander action of `work`, which gets the command's arguments and then its options. */
  readonly runs: <Arguments extends unknown[]>(
    work: (invocation: Invocation, ...args: Arguments) => Promise<ExitCode>,
  ) => (...args: Arguments) => Promise<void>;
};

export type Register = (commandLine: CommandLine) => void;

export type Surroundings = {
  readonly version: string;
  /** Said where the configuration is not complete. */
  readonly hint?: string;
};

type GlobalOptions = { readonly json?: boolean; readonly verbose?: boolean };

/** Runs the command that `args` name and resolves with the exit code. Never rejects. */
export async function runCommandLine(
  args: readonly string[],
  commands: readonly Register[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(exitCodes.interrupted);
    stop.abort(new Error("stopped as asked"));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  let code: ExitCode = exitCodes.fine;
  const program = programOf(surroundings.version);
  const runs: CommandLine["runs"] =
    (work) =>
    async (...args) => {
      code = await work(invocationOf(program.opts<GlobalOptions>(), stop.signal), ...args);
    };
  for (const register of commands) register({ program, runs });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (stop.signal.aborted) return exitCodes.interrupted;
    const failed = exitCodeOf(error);
    // Commander has said by itself what is wrong with the arguments.
    if (!isSaid(error)) complain(error, surroundings.hint);
    return failed;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

function programOf(version: string): Command {
  return new Command("tallyman")
    .description("Looks into a Tallyman, and mends it.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print what a command does")
    .option("--json", "print the result as JSON")
    .option("--verbose", "tell on stderr what the clients say, as much as LOG_LEVEL asks for")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "tallyman: ").replaceAll(/\n(?=.)/g, " ")),
    })
    .enablePositionalOptions(false)
    .exitOverride();
}

function invocationOf({ json = false, verbose = false }: GlobalOptions, signal: AbortSignal): Invocation {
  const config = readConfig();
  const log = pino({ level: verbose ? config.logLevel : "silent" }, pino.destination({ fd: 2, sync: true }));
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const printBytes = (bytes: Buffer): void => void process.stdout.write(bytes);
  return { config, json, signal, log, print, printBytes };
}

function isSaid(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("commander.");
}

function complain(error: unknown, hint: string | undefined): void {
  const isConfiguration = error instanceof Error && error.name === "ConfigInvalid";
  process.stderr.write(`tallyman: ${isConfiguration && hint !== undefined ? hint : lineOf(error)}\n`);
}

/** For options that take a whole number. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

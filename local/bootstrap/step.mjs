// One step of the set-up: says what it does and how long it took, keeps the output of what it runs in a log, and has a time limit.
import { spawn } from "node:child_process";
import { openSync, closeSync, readFileSync } from "node:fs";
import { constants } from "node:os";

/** A failure that is explained to the user by its message alone, without a stack. */
export class Failure extends Error {}

/**
 * Runs a command to its end. Its output goes to the log, and the log's last lines to the user when it fails.
 * @param {{ title: string, command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv, logFile: string, limitMs: number, mend: string, noteChild: (pid: number) => void }} step
 */
export async function runStep(step) {
  const startedAt = Date.now();
  const elapsed = () => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  console.log(`  ${step.title} …`);
  const heartbeat = setInterval(() => console.log(`  ${step.title}: still at it after ${elapsed()}`), 20_000);
  const log = openSync(step.logFile, "w");
  try {
    const end = await run(step, log);
    if (end !== "")
      throw new Failure(
        `${step.title} failed after ${elapsed()}: ${end}.\n${lastLines(step.logFile)}\n${step.mend}\nThe whole log: ${step.logFile}`,
      );
  } finally {
    clearInterval(heartbeat);
    closeSync(log);
  }
  console.log(`  ${step.title}: done in ${elapsed()}`);
}

/** Resolves to "" when the command succeeded, else to what went wrong. */
function run(step, log) {
  return new Promise((resolve) => {
    let timedOut = false;
    const child = spawn(step.command, step.args, { cwd: step.cwd, env: step.env, stdio: ["ignore", log, log] });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, step.limitMs);
    if (child.pid !== undefined) step.noteChild(child.pid);
    // Whoever ends this process means the command too, which a terminal's Ctrl-C reaches by itself but a SIGTERM does not.
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    const stop = (signal) => {
      child.kill(signal);
      process.exit(128 + constants.signals[signal]);
    };
    for (const signal of signals) process.on(signal, stop);
    const end = (text) => {
      for (const signal of signals) process.off(signal, stop);
      clearTimeout(timer);
      resolve(text);
    };
    child.once("error", (error) => end(error.message));
    child.once("exit", (code, signal) => {
      if (timedOut) end(`it took longer than its limit of ${step.limitMs / 1000} s`);
      else if (code === 0) end("");
      else end(signal ? `ended by ${signal}` : `exit code ${code}`);
    });
  });
}

function lastLines(file) {
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .slice(-15)
    .map((line) => `    ${line}`)
    .join("\n");
}

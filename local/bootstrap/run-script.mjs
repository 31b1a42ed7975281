// Hands over to the script: same terminal, same signals, same exit code.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** Runs the script to its end and resolves to its exit code. */
export function runScript(node, file, args) {
  return new Promise((resolve, reject) => {
    // Node before 24.3 (all there is for some platforms) says on each start that type stripping is experimental.
    const child = spawn(node, ["--disable-warning=ExperimentalWarning", file, ...args], {
      stdio: "inherit",
      env: { ...process.env, TALLYMAN_BOOTSTRAP_PID: String(process.pid) },
    });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    watchNpm(child);
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/**
 * An npm that was killed outright can't pass that on: then init becomes the parent of this process, or of the shell between the two, and the
 * script is ended. Without an npm above, a parent that goes away (a shell that was left after `&`) means nothing.
 */
function watchNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const before = ancestry();
  setInterval(() => {
    if (ancestry() !== before) child.kill("SIGTERM");
  }, 500).unref();
}

/** The process ids above this one, up to npm, as far as they can be read cheaply. */
function ancestry() {
  const parent = process.ppid;
  if (process.platform !== "linux") return String(parent);
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, "latin1");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return ["sh", "dash", "bash"].includes(name)
      ? `${parent} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]}`
      : String(parent);
  } catch {
    return "gone";
  }
}

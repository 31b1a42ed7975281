// Hands over to the script: same terminal, same signals, same exit code.
import { spawn } from "node:child_process";
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

/** An npm that was killed outright can't pass that on: then its shell or init becomes this process's parent, and the script is ended. */
function watchNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill("SIGTERM");
  }, 1000).unref();
}

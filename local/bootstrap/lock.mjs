// A lock between processes: a file that is created only if it isn't there and holds the ids of the owner and of what the owner runs, since
// an npm whose owner was killed still writes.
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Failure } from "./step.mjs";

const waitLimitMs = 20 * 60_000;
// No set-up takes this long, so an older lock belongs to a process id that was given out again.
const staleAfterMs = 30 * 60_000;

/**
 * Runs `work` while no other process holds the lock.
 * @param {string} file
 * @param {(noteChild: (pid: number) => void) => Promise<void>} work
 */
export async function withLock(file, work) {
  await acquire(file);
  try {
    await work((pid) => writeFileSync(file, `${process.pid} ${pid}`));
  } finally {
    rmSync(file, { force: true });
  }
}

async function acquire(file) {
  const giveUpAt = Date.now() + waitLimitMs;
  let told = false;
  while (!tryCreate(file)) {
    const owner = readOwner(file);
    if (owner === undefined) continue;
    if (owner.alive === undefined) {
      steal(file, owner.content);
      continue;
    }
    if (!told) console.log(`  Another command (process ${owner.alive}) is installing; waiting for it …`);
    told = true;
    if (Date.now() > giveUpAt)
      throw new Failure(`Process ${owner.alive} holds ${file} for too long. End it, or remove that file.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function tryCreate(file) {
  // Linked into place with its content, so that nobody ever reads a lock without an owner.
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function readOwner(file) {
  try {
    const content = readFileSync(file, "utf8");
    const recent = Date.now() - statSync(file).mtimeMs < staleAfterMs;
    return { content, alive: recent ? content.split(" ").map(Number).find(isAlive) : undefined };
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Two waiters may find the same dead owner; the one that renames first wins, and a lock taken by mistake is put back. */
function steal(file, deadContent) {
  const taken = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, taken);
    if (readFileSync(taken, "utf8") !== deadContent) linkSync(taken, file);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    rmSync(taken, { force: true });
  }
}

function isAlive(pid) {
  // Zero is what an empty file reads as, and means a process group to kill().
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

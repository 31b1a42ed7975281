/** Java programs of the project's own, each built once by Maven from a folder with a pom.xml; `tallyman.out` is where it puts them. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { Failure } from "./failure.ts";
import { findJava } from "./java.ts";
import { localFolder } from "./paths.ts";

const run = promisify(execFile);
const buildLimitMs = 10 * 60_000;

export type JavaProgram = {
  /** The command that runs Java. */
  readonly java: string;
  readonly classPath: string;
};

/**
 * Resolves when the program is there; builds it only when its folder has changed. Throws a Failure when Java or Maven is missing, when
 * Maven fails or when it takes more than ten minutes.
 */
export async function buildMavenProject(folder: string, name: string, signal?: AbortSignal): Promise<JavaProgram> {
  const java = await findJava();
  const target = path.join(localFolder, "maven", name);
  const program = { java, classPath: ["classes", "lib/*"].map((part) => path.join(target, part)).join(path.delimiter) };
  const stamp = stampOf(folder);
  if (isStamped(target, stamp)) return program;
  const partial = `${target}.${process.pid}.partial`;
  mkdirSync(partial, { recursive: true });
  try {
    await compile(folder, partial, signal);
    writeFileSync(path.join(partial, "stamp"), stamp);
    // Another command may have been faster; its folder is as good.
    if (isStamped(target, stamp)) return program;
    rmSync(target, { recursive: true, force: true });
    renameSync(partial, target);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return program;
}

async function compile(folder: string, output: string, signal: AbortSignal | undefined): Promise<void> {
  const pom = path.join(folder, "pom.xml");
  const args = ["-B", "-ntp", "--strict-checksums", "-f", pom, "compile", `-Dtallyman.out=${output}`];
  try {
    await run("mvn", args, { timeout: buildLimitMs, maxBuffer: 64 << 20, ...(signal !== undefined && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw new Failure(`Maven could not build ${pom} (Maven is needed for it, and the network the first time):
${lastLinesOf(error)}`);
  }
}

/** What Maven has said, or why there is no Maven. */
function lastLinesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = "stdout" in error && typeof error.stdout === "string" ? error.stdout.trim() : "";
  return said === "" ? error.message : said.split("\n").slice(-30).join("\n");
}

function isStamped(target: string, stamp: string): boolean {
  try {
    return readFileSync(path.join(target, "stamp"), "utf8") === stamp;
  } catch {
    return false;
  }
}

/** Of all that the program is made of; what Maven makes of it by hand is in target/. */
function stampOf(folder: string): string {
  const hash = createHash("sha256");
  const sources = readdirSync(path.join(folder, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  for (const file of [path.join(folder, "pom.xml"), ...sources]) {
    hash.update(`${path.relative(folder, file)}\n`).update(readFileSync(file));
  }
  return hash.digest("hex");
}

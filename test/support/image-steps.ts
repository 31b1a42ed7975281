/**
 * Goes through the Dockerfile's steps without Docker: each stage's WORKDIR is a folder, a COPY copies what .dockerignore leaves, a RUN
 * is run by `sh -c` in that folder under Node 24. Users, layers and the base image are Docker's; all else is what an image would get.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import path from "node:path";
import { testRunVariable } from "../../local/leaks.ts";
import { root } from "../../local/paths.ts";
import { contextFiles, readStages, type Stage, type Step } from "./dockerfile.ts";

// With an empty cache and a slow way to the registry; on an idle machine it is a quarter of a minute.
const stepLimitMs = 300_000;

export type BuiltStage = Stage & { readonly folder: string };

/** Builds all stages below `folder`, and resolves to the last one. Rejects with a step's output when it fails. */
export async function goThroughSteps(folder: string): Promise<BuiltStage> {
  const built: BuiltStage[] = [];
  for (const stage of readStages()) {
    const here = { ...stage, folder: path.join(folder, stage.name) };
    mkdirSync(here.folder);
    for (const step of stage.steps) {
      if (step.kind === "copy") copy(step, here.folder, built);
      else await runStep(step.command, here);
    }
    built.push(here);
  }
  const last = built.at(-1);
  if (last === undefined) throw new Error("the Dockerfile has no stages");
  return last;
}

function copy(step: Extract<Step, { kind: "copy" }>, folder: string, built: readonly BuiltStage[]): void {
  const target = path.join(folder, step.to);
  if (step.from !== undefined) {
    const stage = built.find(({ name }) => name === step.from);
    if (stage === undefined) throw new Error(`there is no stage ${step.from} before this one`);
    for (const source of step.sources) {
      const inside = path.join(stage.folder, path.posix.relative(stage.workdir, source));
      cpSync(inside, target, { recursive: true, verbatimSymlinks: true });
    }
    return;
  }
  for (const source of step.sources) {
    const base = source.replace(/\/$/, "");
    const files = contextFiles(root).filter((file) => file === base || file.startsWith(`${base}/`));
    if (files.length === 0) throw new Error(`the builder would get nothing of ${source}`);
    // A file goes into a folder under its name; of a folder goes what is in it.
    for (const file of files) {
      const name = file === base ? path.basename(file) : path.posix.relative(base, file);
      cpSync(path.join(root, file), path.join(target, name), { recursive: true });
    }
  }
}

async function runStep(command: string, { folder, env }: BuiltStage): Promise<void> {
  const { code, output } = await runToEnd(["sh", "-c", command], {
    cwd: folder,
    env: builderEnvironment(env),
    limitMs: stepLimitMs,
  });
  if (code !== 0) throw new Error(`"${command}" ended with ${String(code)}:\n${output}`);
}

/** What a container's process gets: the variables named, the test run's mark and, on this machine, where its programs are. */
export function containerEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const run = process.env[testRunVariable];
  const search = [path.dirname(process.execPath), process.env.PATH ?? ""].join(path.delimiter);
  return { ...(run !== undefined && { [testRunVariable]: run }), PATH: search, ...env };
}

/** What a builder's step gets: this machine's way to the registry too, but not what an npm around this one says of itself. */
function builderEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const outer = Object.entries(process.env).filter(
    ([name]) => name !== "NODE_ENV" && (!/^npm_/i.test(name) || /^npm_config_(registry|cache|cafile|ca)$/i.test(name)),
  );
  // What npm's cache has need not be asked for again: the lock says by its hashes that it is the same.
  return { ...Object.fromEntries(outer), npm_config_prefer_offline: "true", ...containerEnvironment(env) };
}

export type Run = {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly limitMs: number;
};

/** Runs a command to its end, which it is brought to after `limitMs`; the code is then null. */
export function runToEnd(
  words: readonly string[],
  { cwd, env, limitMs }: Run,
): Promise<{ code: number | null; output: string }> {
  const [command = "", ...args] = words;
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitMs,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** What the Dockerfile says, stage by stage, from a parser of the language. Only what ours uses; anything else is an error. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import dockerignore from "@balena/dockerignore";
import { Copy, DockerfileParser, From, Healthcheck, type Instruction, PropertyInstruction } from "dockerfile-ast";
import { root } from "../../local/paths.ts";

export const dockerfile = path.join(root, "Dockerfile");

export type Step =
  | {
      readonly kind: "copy";
      readonly from: string | undefined;
      readonly sources: readonly string[];
      readonly to: string;
    }
  | { readonly kind: "run"; readonly command: string };

export type Stage = {
  readonly name: string;
  readonly image: string;
  readonly steps: readonly Step[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: string;
  readonly ports: readonly string[];
  readonly healthcheck: readonly string[];
  readonly command: readonly string[];
};

/** The stages, in their order. */
export function readStages(text: string = readFileSync(dockerfile, "utf8")): Stage[] {
  const stages: Stage[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    if (instruction instanceof From) {
      const [image, name] = [instruction.getImage() ?? "", instruction.getBuildStage() ?? ""];
      const empty = { steps: [], env: {}, labels: {}, workdir: "/", user: "root", ports: [] };
      stages.push({ name, image, ...empty, healthcheck: [], command: [] });
      continue;
    }
    const stage = stages.pop();
    if (stage === undefined) throw new Error(`${instruction.getKeyword()} stands before the first FROM`);
    stages.push({ ...stage, ...changeOf(instruction, stage) });
  }
  return stages;
}

function changeOf(instruction: Instruction, stage: Stage): Partial<Stage> {
  const words = instruction.getArguments().map((each) => each.getValue());
  const content = instruction.getArgumentsContent() ?? "";
  const keyword = instruction.getKeyword();
  if (instruction instanceof Copy) {
    const from = instruction.getFromFlag()?.getValue() ?? undefined;
    return { steps: [...stage.steps, { kind: "copy", from, sources: words.slice(0, -1), to: words.at(-1) ?? "" }] };
  }
  if (instruction instanceof PropertyInstruction) {
    const pairs = instruction.getProperties().map((each) => [each.getName(), each.getValue() ?? ""] as const);
    if (keyword === "ENV") return { env: { ...stage.env, ...Object.fromEntries(pairs) } };
    if (keyword === "LABEL") return { labels: { ...stage.labels, ...Object.fromEntries(pairs) } };
  }
  if (instruction instanceof Healthcheck) return { healthcheck: execForm(content.replace(/^CMD\s+/, "")) };
  switch (keyword) {
    case "RUN":
      return { steps: [...stage.steps, { kind: "run", command: content }] };
    case "WORKDIR":
      return { workdir: content };
    case "USER":
      return { user: content };
    case "EXPOSE":
      return { ports: [...stage.ports, ...words] };
    case "CMD":
      return { command: execForm(content) };
    default:
      throw new Error(`${keyword} is not known here`);
  }
}

/** The exec form only: the shell form would put a shell between the signal and the process. */
function execForm(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string"))
    throw new Error(`${text} is not a list of strings`);
  return words;
}

/** The files of a folder that a builder would get: those that its .dockerignore leaves. Paths from the folder, with `/`. */
export function contextFiles(folder: string): string[] {
  const ignored = ignoresOf(folder);
  const recursive = (name: string): string[] =>
    readdirSync(path.join(folder, name), { withFileTypes: true, recursive: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"));
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !machinesOwn.includes(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? recursive(entry.name) : [entry.name]))
    .filter((file) => !ignored.ignores(file))
    .toSorted();
}

// Many thousand files, all of them ignored, which a test says by name.
export const machinesOwn = [".git", ".local", "node_modules"];

/** Whether .dockerignore keeps this path, which need not exist, from the builder. */
export function isIgnored(folder: string, file: string): boolean {
  return ignoresOf(folder).ignores(file);
}

function ignoresOf(folder: string) {
  return dockerignore.default().add(readFileSync(path.join(folder, ".dockerignore"), "utf8"));
}

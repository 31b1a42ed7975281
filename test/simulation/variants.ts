/**
 * Tallyman with guards taken out: the same modules are loaded once more, with some of their text replaced. Nothing in the
 * product knows of it, and what is tested is the text that runs.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import type * as Campaign from "./campaign.ts";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Edit } from "./mutants.ts";

const root = new URL("../../", import.meta.url).href;
const variants = new Map<string, readonly Edit[]>();
let hooked = false;

/** What a variant of Tallyman can be asked to do: the module `campaign.ts`, with everything that it imports. */
export type Variant = typeof Campaign;

/** Loads Tallyman with `edits`. Throws when the text that one of them replaces is not there exactly once. */
export async function loadVariant(name: string, edits: readonly Edit[]): Promise<Variant> {
  hook();
  variants.set(name, edits);
  for (const { file, find } of edits) {
    const count = readFileSync(new URL(file, root), "utf8").split(find).length - 1;
    if (count !== 1) throw new Error(`${name}: ${file} has ${count} times, and should have once: ${find}`);
  }
  return (await import(`./campaign.ts?variant=${encodeURIComponent(name)}`)) as Variant;
}

function hook(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    // Whatever a module of a variant imports of the project is of the same variant.
    resolve: (specifier, context, nextResolve) => {
      const resolved = nextResolve(specifier, context);
      const name = variantOf(context.parentURL);
      const isOurs = resolved.url.startsWith(root) && !resolved.url.includes("/node_modules/");
      if (name === null || !isOurs || variantOf(resolved.url) !== null) return resolved;
      return { ...resolved, url: `${resolved.url}?variant=${encodeURIComponent(name)}` };
    },
    load: (url, context, nextLoad) => {
      const name = variantOf(url);
      if (name === null) return nextLoad(url, context);
      const file = new URL(url);
      file.search = "";
      let source = readFileSync(fileURLToPath(file), "utf8");
      for (const edit of variants.get(name) ?? []) {
        if (new URL(edit.file, root).href === pathToFileURL(fileURLToPath(file)).href) {
          source = source.replace(edit.find, () => edit.replace);
        }
      }
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
}

function variantOf(url: string | undefined): string | null {
  if (url?.startsWith("file:") !== true) return null;
  return new URL(url).searchParams.get("variant");
}

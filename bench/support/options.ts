import { parseArgs } from "node:util";
import { Failure } from "../../local/failure.ts";

/** By name: a whole number from 1 on, words, or what a flag is when it is not given: false. */
export type Defaults = Readonly<Record<string, number | boolean | string>>;
export type Options<D extends Defaults> = {
  readonly [Name in keyof D]: D[Name] extends number ? number : D[Name] extends string ? string : boolean;
};

/** Reads `--name number` options, all whole numbers of at least 1, `--name words`, and `--flag`; what is not given keeps its default. Throws a Failure. */
export function readOptions<D extends Defaults>(defaults: D): Options<D> {
  const entries = Object.entries(defaults);
  const usage = `Options: ${entries.map(([name, value]) => (typeof value === "boolean" ? `--${name}` : `--${name} ${value === "" ? "..." : value}`)).join(", ")}.`;
  const read = (name: string, given: string | boolean | undefined): number | boolean | string => {
    const fallback = defaults[name] ?? false;
    if (given === undefined) return fallback;
    if (typeof given === "boolean" || typeof fallback === "string") return given;
    const value = Number(given);
    if (!Number.isInteger(value) || value < 1)
      throw new Failure(`--${name} must be a whole number from 1 on. ${usage}`);
    return value;
  };
  const typeOf = (value: number | boolean | string) => ({
    type: typeof value === "boolean" ? ("boolean" as const) : ("string" as const),
  });
  try {
    const { values } = parseArgs({
      options: Object.fromEntries(entries.map(([name, value]) => [name, typeOf(value)])),
    });
    return Object.fromEntries(entries.map(([name]) => [name, read(name, values[name])])) as Options<D>;
  } catch (error) {
    if (error instanceof Failure || !(error instanceof TypeError)) throw error;
    throw new Failure(`${error.message} ${usage}`);
  }
}

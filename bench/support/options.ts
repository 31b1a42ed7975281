import { parseArgs } from "node:util";
import { Failure } from "../../local/failure.ts";

/** Reads `--name number` options, all whole numbers of at least 1; what is not given keeps its default. Throws a Failure. */
export function readOptions<Name extends string>(defaults: Readonly<Record<Name, number>>): Record<Name, number> {
  const names = Object.keys(defaults) as Name[];
  const usage = `Options: ${names.map((name) => `--${name} ${defaults[name]}`).join(", ")}.`;
  const read = (name: Name, text: string | boolean | undefined): number => {
    if (text === undefined) return defaults[name];
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw new Failure(`--${name} must be a whole number from 1 on. ${usage}`);
    return value;
  };
  try {
    const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
    return Object.fromEntries(names.map((name) => [name, read(name, values[name])])) as Record<Name, number>;
  } catch (error) {
    if (error instanceof Failure || !(error instanceof TypeError)) throw error;
    throw new Failure(`${error.message} ${usage}`);
  }
}

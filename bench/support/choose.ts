import { Failure } from "../../local/failure.ts";

/** Those whose keys are named, separated by commas and in their own order; all, when none is named. Throws a Failure on a name that none has. */
export function choose<T extends { readonly key: string }>(option: string, named: string, from: readonly T[]): T[] {
  if (named === "") return [...from];
  const keys = named.split(",");
  const known = from.map(({ key }) => key);
  const unknown = keys.filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Failure(`${option} has ${unknown.join(", ")}; what there is: ${known.join(", ")}.`);
  return from.filter(({ key }) => keys.includes(key));
}

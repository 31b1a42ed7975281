/** What the clients of a run do, drawn from its seed. */
import fc from "fast-check";

export type Operation = {
  readonly kind:
    | "place"
    | "cancel"
    | "cancel first"
    | "pack"
    | "pack and cancel"
    | "deliver"
    | "count"
    | "archive for a while"
    | "read order"
    | "read product";
  /** Numbers to choose with: of a product, and of one of the orders that the client remembers. */
  readonly product: number;
  readonly which: number;
  readonly quantity: number;
  /** With `Prefer: wait`. */
  readonly waits: boolean;
  /** A cancel names its product; a stocktake counts as of a version. */
  readonly isPrecise: boolean;
  /** Which api is asked first. */
  readonly api: number;
  /** From 0 to 1: how long the client rests afterwards. */
  readonly rest: number;
};

const often = (weight: number, kind: Operation["kind"]) => ({ weight, arbitrary: fc.constant(kind) });

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.oneof(
    often(60, "place"),
    often(9, "cancel"),
    often(2, "cancel first"),
    often(6, "pack"),
    often(3, "pack and cancel"),
    often(8, "deliver"),
    often(4, "count"),
    often(1, "archive for a while"),
    often(13, "read order"),
    often(4, "read product"),
  ),
  product: fc.nat({ max: 1_000_000 }),
  which: fc.nat({ max: 1_000_000 }),
  quantity: fc.integer({ min: 1, max: 4 }),
  waits: fc.nat({ max: 5 }).map((n) => n === 0),
  isPrecise: fc.boolean(),
  api: fc.nat({ max: 1 }),
  rest: fc.double({ min: 0, max: 1, noNaN: true }),
});

const drawnOperations = 1_000;

/** A client does these one after another, and then begins again. */
export function drawOperations(seed: number, client: number): readonly Operation[] {
  const all = fc.array(operation, { minLength: drawnOperations, maxLength: drawnOperations });
  return fc.sample(all, { seed: seed + client * 7_919, numRuns: 1, unbiased: true })[0] ?? [];
}

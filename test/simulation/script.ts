/** What happens in a world, drawn by fast-check, which shrinks it: who calls for what, what other producers write, what goes wrong. */
import fc from "fast-check";
import type { Fault, ProcessKind, ServiceName } from "../../src/simulation/faults.ts";
import type { Action, ClientScript } from "./clients.ts";
import { productCount } from "./clients.ts";

/** A record that a producer on Kafka writes, past our ingress. */
export type ForeignRecord =
  | { readonly kind: "order"; readonly number: number }
  | { readonly kind: "restock"; readonly number: number }
  | { readonly kind: "marker" }
  | { readonly kind: "garbage" };

export type Foreign = {
  readonly atMs: number;
  /** Which partition it takes: the product's, or a wrong one. */
  readonly partition: "right" | number;
  readonly records: readonly ForeignRecord[];
};

export type Script = {
  /** Of delays, losses and the order of things: not shrunk, for another number is another world. */
  readonly seed: number;
  readonly partitions: number;
  readonly apis: number;
  readonly processors: number;
  /** First units, by product. */
  readonly units: readonly number[];
  readonly clients: readonly ClientScript[];
  readonly foreign: readonly Foreign[];
  readonly faults: readonly { readonly atMs: number; readonly fault: Fault }[];
  /** How much of all requests and answers gets lost all the time, until everything heals. */
  readonly losses: Readonly<Record<ServiceName, number>>;
  /** The cache is emptied when everything heals: what is late then finds it empty. */
  readonly flushedAtLast: boolean;
  /** The store refuses some orders, for a reason that nobody foresaw, until everything heals; then operators resume (P7, P13). */
  readonly refuses: boolean;
};

/** Faults begin in this time; then everything heals. */
export const troubleMs = 10_000;

const number = fc.integer({ min: 1, max: 24 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("order" as const), number, waits: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("cancel" as const), number, names: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("restock" as const), number }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("count" as const),
      number,
      asOfVersion: fc.option(fc.integer({ min: 1, max: 6 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("read" as const), number: fc.option(number, { freq: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("stock" as const), product: fc.nat(productCount - 1) }) },
);
/** Mostly at once, sometimes after a while: what comes together meets, what comes apart meets other faults. */
const pauseMs = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2_500 }) },
);
const client: fc.Arbitrary<ClientScript> = fc.record({
  waits: fc.boolean(),
  steps: fc.array(fc.record({ pauseMs, action }), { minLength: 1, maxLength: 16 }),
});

const foreignRecord: fc.Arbitrary<ForeignRecord> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("order" as const), number }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restock" as const), number: number.map((n) => n + 100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("marker" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("garbage" as const) }) },
);
const atMs = fc.integer({ min: 0, max: troubleMs });
const foreign: fc.Arbitrary<Foreign> = fc.record({
  atMs,
  partition: fc.oneof({ weight: 2, arbitrary: fc.constant("right" as const) }, { weight: 1, arbitrary: fc.nat(7) }),
  records: fc.array(foreignRecord, { minLength: 1, maxLength: 5 }),
});

const kind = fc.constantFrom<ProcessKind>("processor", "processor", "api");
const service = fc.constantFrom<ServiceName>("store", "cache", "log");
const which = fc.nat(5);
const forMs = fc.oneof(fc.integer({ min: 50, max: 1_500 }), fc.integer({ min: 1_000, max: 9_000 }));
const grow = fc.record({ do: fc.constant("grow" as const), times: fc.constantFrom(2, 3), hurried: fc.boolean() });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("kill" as const),
      kind,
      number: which,
      backMs: fc.integer({ min: 10, max: 5_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("stop" as const),
      kind,
      number: which,
      forMs: fc.oneof(fc.integer({ min: 100, max: 3_000 }), fc.integer({ min: 6_000, max: 12_000 })),
      suspended: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), number: which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("join" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rebalance" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("away" as const),
      service,
      how: fc.constantFrom("refusing" as const, "hanging" as const),
      forMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("lossy" as const),
      service,
      rate: fc.constantFrom(0.05, 0.2, 0.5),
      forMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("slow" as const), service, factor: fc.constantFrom(10, 100, 400), forMs }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut off" as const), kind, number: which, service, forMs }) },
  { weight: 2, arbitrary: grow },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("flush cache" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const), number: which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("wall clock" as const),
      kind,
      number: which,
      ms: fc.integer({ min: -60_000, max: 60_000 }),
    }),
  },
);

const loss = fc.constantFrom(0, 0, 0.01, 0.1);

export const anyScript: fc.Arbitrary<Script> = fc.record({
  seed: fc.noShrink(fc.integer()),
  partitions: fc.integer({ min: 1, max: 4 }),
  apis: fc.integer({ min: 1, max: 3 }),
  processors: fc.integer({ min: 1, max: 3 }),
  units: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: productCount, maxLength: productCount }),
  clients: fc.array(client, { minLength: 1, maxLength: 6 }),
  foreign: fc.array(foreign, { maxLength: 4 }),
  faults: fc.array(fc.record({ atMs, fault }), { maxLength: 10 }),
  losses: fc.record({ store: loss, cache: loss, log: loss }),
  flushedAtLast: fc.boolean(),
  refuses: fc.constantFrom(false, false, false, true),
});

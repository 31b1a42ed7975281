/** What happens in a world, drawn by fast-check, which shrinks it: who calls for what, what other producers write, what goes wrong. */
import fc from "fast-check";
import type { Fault, ProcessKind, ServiceName } from "../../src/simulation/faults.ts";
import type { Wavering } from "../../src/simulation/wavering.ts";
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
  readonly faults: readonly { readonly atMs: number; readonly fault: Fault | Wavering }[];
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
const stockRead = fc.record({ do: fc.constant("stock" as const), product: fc.nat(productCount - 1) });
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
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("archive" as const, "restore" as const), number }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pack" as const), number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("read" as const), number: fc.option(number, { freq: 2 }) }) },
  { weight: 4, arbitrary: stockRead },
);
/** Mostly at once, sometimes after a while: what comes together meets, what comes apart meets other faults. */
const pauseMs = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2_500 }) },
);
const clientWith = ({ action: act, stepsMax }: Pick<Theme, "action" | "stepsMax">): fc.Arbitrary<ClientScript> =>
  fc.record({
    waits: fc.boolean(),
    steps: fc.array(fc.record({ pauseMs, action: act }), { minLength: 1, maxLength: stepsMax }),
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
const kill = fc.record({
  do: fc.constant("kill" as const),
  kind,
  number: which,
  backMs: fc.integer({ min: 10, max: 5_000 }),
});
const stop = fc.record({
  do: fc.constant("stop" as const),
  kind,
  number: which,
  forMs: fc.oneof(fc.integer({ min: 100, max: 3_000 }), fc.integer({ min: 6_000, max: 12_000 })),
  suspended: fc.boolean(),
});
const restart = fc.record({ do: fc.constant("restart" as const), number: which });
const rebalance = fc.record({ do: fc.constant("rebalance" as const) });
const lossyOf = (services: fc.Arbitrary<ServiceName>) =>
  fc.record({
    do: fc.constant("lossy" as const),
    service: services,
    rate: fc.constantFrom(0.05, 0.2, 0.5),
    forMs,
  });
const slowOf = (services: fc.Arbitrary<ServiceName>) =>
  fc.record({ do: fc.constant("slow" as const), service: services, factor: fc.constantFrom(10, 100, 400), forMs });
/** What is sent in this time arrives seconds later, behind much that was sent after it. */
const stallOf = (services: fc.Arbitrary<ServiceName>) =>
  fc.record({
    do: fc.constant("slow" as const),
    service: services,
    factor: fc.constantFrom(1_000, 4_000),
    forMs: fc.integer({ min: 5, max: 300 }),
  });
const cutOff = (kinds: fc.Arbitrary<ProcessKind>, services: fc.Arbitrary<ServiceName>) =>
  fc.record({ do: fc.constant("cut off" as const), kind: kinds, number: which, service: services, forMs });
const flush = fc.record({ do: fc.constant("flush cache" as const) });
const expire = fc.record({ do: fc.constant("expire" as const), number: which });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  kill,
  stop,
  restart,
  fc.record({ do: fc.constant("join" as const) }),
  rebalance,
  fc.record({
    do: fc.constant("away" as const),
    service,
    how: fc.constantFrom("refusing" as const, "hanging" as const),
    forMs,
  }),
  lossyOf(service),
  slowOf(service),
  cutOff(kind, service),
  grow,
  grow,
  flush,
  expire,
  fc.record({
    do: fc.constant("wall clock" as const),
    kind,
    number: which,
    ms: fc.integer({ min: -60_000, max: 60_000 }),
  }),
);

const loss = fc.constantFrom(0, 0, 0.01, 0.1);

type Theme = {
  readonly partitionsMax: number;
  readonly action: fc.Arbitrary<Action>;
  readonly fault: fc.Arbitrary<Fault | Wavering>;
  readonly faultsMax: number;
  readonly faultsWithinMs: number;
  readonly stepsMax: number;
  readonly losses: fc.Arbitrary<Script["losses"]>;
  readonly flushedAtLast: fc.Arbitrary<boolean>;
};

const scriptOf = (theme: Theme): fc.Arbitrary<Script> =>
  fc.record({
    seed: fc.noShrink(fc.integer()),
    partitions: fc.integer({ min: 1, max: theme.partitionsMax }),
    apis: fc.integer({ min: 1, max: 3 }),
    processors: fc.integer({ min: 1, max: 3 }),
    units: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: productCount, maxLength: productCount }),
    clients: fc.array(clientWith(theme), { minLength: 1, maxLength: 6 }),
    foreign: fc.array(foreign, { maxLength: 4 }),
    faults: fc.array(fc.record({ atMs: fc.integer({ min: 0, max: theme.faultsWithinMs }), fault: theme.fault }), {
      maxLength: theme.faultsMax,
    }),
    losses: theme.losses,
    flushedAtLast: theme.flushedAtLast,
    refuses: fc.constantFrom(false, false, false, true),
  });

const losses = fc.record({ store: loss, cache: loss, log: loss });
const everything: Theme = {
  partitionsMax: 4,
  action,
  fault,
  faultsMax: 10,
  faultsWithinMs: troubleMs,
  stepsMax: 16,
  losses,
  flushedAtLast: fc.boolean(),
};
const aCache = fc.constant<ServiceName>("cache");
const storeOrCache = fc.constantFrom<ServiceName>("store", "cache");
/** Readers, owners and a cache that forgets, each late: what is at stake is who fills it with what. */
const forgetful: Theme = {
  ...everything,
  action: fc.oneof({ weight: 1, arbitrary: action }, { weight: 1, arbitrary: stockRead }),
  fault: fc.oneof(
    { weight: 6, arbitrary: expire },
    { weight: 4, arbitrary: flush },
    { weight: 6, arbitrary: stallOf(aCache) },
    { weight: 3, arbitrary: slowOf(storeOrCache) },
    { weight: 2, arbitrary: lossyOf(aCache) },
    { weight: 3, arbitrary: cutOff(fc.constant("processor"), aCache) },
    { weight: 6, arbitrary: fc.oneof(rebalance, restart, kill) },
  ),
  faultsMax: 40,
  faultsWithinMs: troubleMs / 2,
  stepsMax: 32,
  flushedAtLast: fc.constantFrom(false, false, false, true),
};
/** Partitions grow while ingresses know too little, too late. */
const growing: Theme = {
  ...everything,
  partitionsMax: 2,
  fault: fc.oneof(
    { weight: 4, arbitrary: grow },
    { weight: 3, arbitrary: cutOff(fc.constant("api"), fc.constantFrom("store", "log")) },
    { weight: 2, arbitrary: stop },
    { weight: 1, arbitrary: slowOf(service) },
    { weight: 1, arbitrary: fault },
  ),
};

/** Operators begin growths, call them off and begin anew, and others add partitions, while much is late. */
const wavering: Theme = {
  ...growing,
  fault: fc.oneof(
    { weight: 6, arbitrary: grow },
    { weight: 4, arbitrary: fc.constant({ do: "call off" as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("add partitions" as const), times: fc.constantFrom(2, 3, 4) }),
    },
    { weight: 2, arbitrary: stallOf(service) },
    { weight: 8, arbitrary: growing.fault },
  ),
  faultsMax: 20,
};
/** Beside the others, whose worlds are known by their seeds. */
export const waveringScript: fc.Arbitrary<Script> = scriptOf(wavering);

/** Half of them have everything in them; the others have much of what seldom comes together by chance. */
export const anyScript: fc.Arbitrary<Script> = fc.oneof(
  { weight: 2, arbitrary: scriptOf(everything) },
  { weight: 1, arbitrary: scriptOf(forgetful) },
  { weight: 1, arbitrary: scriptOf(growing) },
);

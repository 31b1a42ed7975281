/**
 * A whole Tallyman for a user's tests: their code calls it over HTTP and writes to its log, in virtual time and from one seed, while
 * processes die, sleep and wake again, and messages get lost. docs/testing.md tells how to use it.
 *
 * Who owns what: the world owns time and chance. This file owns what the user's code was told, and whether time may pass.
 *
 * I1 Time passes in `run` and `settle` only; what the user's code asks for outside of them is refused, for it would never come.
 * I2 What is random in a run comes from the seed.
 */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { v4 } from "uuid";
import { limits } from "../limits.ts";
import type { StoredLine } from "../schemas/lines.ts";
import { decidedOrder } from "../schemas/order-document.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import { worldBeginsAt } from "../simulation/sim-process.ts";
import { World } from "../simulation/world.ts";
import { booksOf } from "./books.ts";
import type { KeptRecord } from "./books.ts";
import { differencesIn } from "./check.ts";
import { encodeCommand } from "./encode.ts";
import type { SentCommand } from "./encode.ts";
import { usualFaults } from "./faults.ts";
import type { Fault, TimedFault } from "./faults.ts";
import { OpenCalls } from "./open-calls.ts";
import { createProducer } from "./producer.ts";
import type { SimulatedProducer } from "./producer.ts";
import { addProducts } from "./products.ts";
import { createSimFetch } from "./sim-fetch.ts";
import { Told } from "./told.ts";
import { decisionTeller } from "./trace.ts";
import { runToEnd } from "./users-run.ts";

export type SimulationOptions = {
  /** A whole number: all that is random follows from it. */
  readonly seed: number;
  /** What goes wrong; "usual" is drawn from the seed, and the default. */
  readonly faults?: "none" | "usual" | readonly TimedFault[] | undefined;
  /** Products that are there when the code begins, with their units. */
  readonly products?: Readonly<Record<string, number>> | undefined;
  readonly apis?: number | undefined;
  readonly processors?: number | undefined;
  readonly partitions?: number | undefined;
  /** Told in words of what happens, a line at a time. */
  readonly trace?: ((line: string) => void) | undefined;
  /** Milliseconds of the world after which a run that is not done has failed. */
  readonly runMs?: number | undefined;
  /** Milliseconds of the machine's clock for which the code may wait for something that is not the world's. */
  readonly realWaitMs?: number | undefined;
};

export type SimulatedTallyman = {
  /** Where the apis are, as behind a load balancer. */
  readonly url: string;
  /** Where orders are written to. */
  readonly topic: string;
  /** As the platform's. */
  readonly fetch: typeof globalThis.fetch;
  readonly sleep: (ms: number) => Promise<void>;
  /** As `AbortSignal.timeout`. */
  readonly timeout: (ms: number) => AbortSignal;
  /** As `Date.now`. */
  readonly now: () => number;
  /** As `Math.random`. */
  readonly random: () => number;
  readonly uuid: () => string;
  readonly producer: () => SimulatedProducer;
  /** A message's value. */
  readonly encode: (command: SentCommand) => Buffer;
  /** Lets something go wrong now. */
  readonly perform: (fault: Fault) => void;
  /** Runs the code, and time with it; resolves or rejects as the code does, or with `ClientStuck`. */
  readonly run: <T>(code: () => Promise<T>) => Promise<T>;
  /** Everything heals, and all that is on the log is decided. */
  readonly settle: () => Promise<void>;
  /** Orders that are decided, in the order of their decisions. */
  readonly orders: () => OrderDocument[];
  /** Units; undefined: there is no such product. */
  readonly stock: (productId: string) => number | undefined;
  /** One line for each command that is decided, in the order of the decisions. */
  readonly ledger: () => StoredLine[];
  /** Records on the log that could not be read. */
  readonly unreadable: () => KeptRecord[];
  /** Throws `CheckFailed` where something is not as Tallyman promises. */
  readonly check: () => void;
};

/** Tallyman broke a promise: a fault of its own, not of the code that was tested. */
export class CheckFailed extends Error {
  override readonly name = "CheckFailed";
  readonly differences: readonly string[];
  constructor(differences: readonly string[]) {
    super(differences.slice(0, limits.testingDifferencesShown).join("\n"));
    this.differences = differences;
  }
}

const url = "http://tallyman.test";
const topic = "orders";

export function simulateTallyman(options: SimulationOptions): SimulatedTallyman {
  const { seed, trace, apis = 2, processors = 2, partitions = 3 } = options;
  if (!Number.isSafeInteger(seed)) throw new TypeError(`the seed must be a whole number, not ${seed}`);
  for (const [name, count] of Object.entries({ apis, processors, partitions })) {
    if (!Number.isInteger(count) || count < 1)
      throw new RangeError(`${name} must be a whole number from 1, not ${count}`);
  }
  const tell = trace && ((atMs: number, text: string) => trace(`${(atMs / 1000).toFixed(4).padStart(9)} s  ${text}`));
  const world = new World({ seed, apis, processors, partitions, ...(tell && { trace: tell }) });
  return inWorld(world, options);
}

/** The same in a world that a test has made. */
export function inWorld(world: World, options: SimulationOptions): SimulatedTallyman {
  const { seed, faults = "usual", products = {} } = options;
  const { runMs = limits.testingRunMs, realWaitMs = limits.testingRealWaitMs } = options;
  const { engine } = world;
  const calls = new OpenCalls(() => engine.now);
  const told = new Told();
  const tellDecisions = decisionTeller(world);
  const random = generator(seed ^ 0x75736572);
  let state: "new" | "resting" | "running" | "settling" = "new";
  let isHealed = false;
  let isAtRest = false;
  let producers = 0;

  const requireRunning = (what: string): void => {
    if (state === "running" || state === "settling") return;
    throw new Error(`${what}: time stands still outside of run(), so this would never come back`); // I1
  };
  const sleep = (ms: number): Promise<void> => {
    requireRunning("sleep");
    const end = calls.begin(`sleep of ${ms} ms`);
    // As with the machine's timers, no pause is shorter: a loop of them must let time pass.
    return engine.pause(Math.max(1, ms), "client sleeps").finally(end);
  };
  const perform = (fault: Fault): void => {
    if (fault.do !== "lossy http") {
      world.perform(fault);
      return;
    }
    if (isHealed) return;
    engine.say(`fault: lossy http rate=${fault.rate} forMs=${fault.forMs}`);
    world.clientLossRate = fault.rate;
    engine.after(fault.forMs, "end of lossy http", () => void (world.clientLossRate = 0));
  };
  const begin = async (): Promise<void> => {
    await addProducts(world, products, tellDecisions);
    const drawn = generator(seed ^ 0x64617973);
    const whole = (min: number, max: number): number => min + Math.floor(drawn() * (max - min + 1));
    const planned = faults === "usual" ? usualFaults(whole) : faults === "none" ? [] : faults;
    for (const { atMs, ...fault } of planned) engine.after(atMs, "fault", () => perform(fault));
  };

  const run = async <T>(code: () => Promise<T>): Promise<T> => {
    if (state === "running" || state === "settling")
      throw new Error("one run at a time: put what is concurrent into it");
    const isFirst = state === "new";
    state = "running";
    isAtRest = false;
    try {
      if (isFirst) await begin();
      return await runToEnd(world, calls, code(), { runMs, realWaitMs }, tellDecisions);
    } finally {
      state = "resting";
    }
  };
  const settle = async (): Promise<void> => {
    if (state !== "resting") throw new Error("settle() comes after a run()");
    state = "settling";
    try {
      isHealed = true;
      world.heal();
      const decided = (): boolean => {
        tellDecisions();
        return world.isDecided() && (world.maps.current()?.growth ?? null) === null;
      };
      for (const quietMs of [limits.testingQuietMs, 0]) {
        if (!(await world.until(decided, limits.testingSettleMs))) {
          throw new CheckFailed([`not all is decided ${limits.testingSettleMs} ms after everything is well`]);
        }
        await world.until(() => (tellDecisions(), false), quietMs);
      }
      await world.until(() => world.isTold(), limits.testingQuietMs);
      isAtRest = true;
    } finally {
      state = "resting";
    }
  };

  return {
    url,
    topic,
    sleep,
    perform,
    run,
    settle,
    random,
    fetch: createSimFetch({
      world,
      url,
      calls,
      requireRunning,
      answered: (method, answer) => told.answer(method, answer),
    }),
    timeout: (ms) => {
      const controller = new AbortController();
      const why = new DOMException("The operation was aborted due to timeout", "TimeoutError");
      void sleep(ms).then(() => controller.abort(why));
      return controller.signal;
    },
    now: () => Math.floor(worldBeginsAt + engine.now),
    uuid: () => v4({ random: Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)) }),
    producer: () => {
      const name = `producer ${producers++}`;
      const acknowledged: Told["records"] = (records, offsets) => told.records(records, offsets);
      return createProducer({ world, name, topic, calls, requireRunning, acknowledged });
    },
    encode: (command) => encodeCommand(command, Math.floor(worldBeginsAt + engine.now)),
    orders: () =>
      [...world.ledger.lines.values()]
        .filter(({ type }) => type === "PlaceOrder")
        .map((line) => decidedOrder(line, line.decidedAt)),
    stock: (productId) => world.ledger.stock.get(productId)?.quantity,
    ledger: () => [...world.ledger.lines.values()],
    unreadable: () => world.ledger.deadLetters.map(({ partition, offset, reason }) => ({ partition, offset, reason })),
    check: () => {
      if (!isAtRest) throw new Error("check() comes after settle(): before that, not all is decided yet");
      const differences = differencesIn(booksOf(world, told));
      if (differences.length > 0) throw new CheckFailed(differences);
    },
  };
}

/** From 0, included, to 1, excluded. */
function generator(seed: number): () => number {
  const random = xoroshiro128plus(seed);
  return () => uniformFloat64(random);
}

/**
 * A Tallyman with an api and products on every partition, orders at a constant rate, and processes that come and go as the test
 * says. Whatever they did, in the end every order that was acknowledged is decided, once.
 */
import pg from "pg";
import { expect } from "vitest";
import {
  createStockedProducts,
  productsOfEveryPartition,
  startSteadyLoad,
  untilAllDecided,
  wrongBooks,
} from "./http-load.ts";
import type { AckedOrder, DecidedOrder, SteadyLoad } from "./http-load.ts";
import { createTallyman } from "./tallyman.ts";
import type { Role, Tallyman } from "./tallyman.ts";

/** Whoever asks a process to stop kills it then. */
const exitLimitMs = 10_000;

export type SteadyWorld = AsyncDisposable & {
  readonly tallyman: Tallyman;
  /** It is there for the whole file. */
  readonly api: Role;
  readonly database: pg.Client;
  readonly productIds: readonly string[];
  /** All that any test has had acknowledged. */
  readonly acked: AckedOrder[];
  /** Orders at the api, or at the one that `url` names at each request, until they are ended. */
  startLoad(perSecond: number, url?: () => string): SteadyLoad;
  /** Asks once and waits; the code must be 0. Resolves to the milliseconds it took. */
  stop(role: Role): Promise<number>;
  /** Ends the load. After each test, too: what one leaves running would be nobody's in the next. */
  endLoad(): Promise<void>;
  /** Ends the load; every order that was ever acknowledged must be decided, and the books right. Resolves to the decisions. */
  expectNothingLost(): Promise<readonly DecidedOrder[]>;
};

export async function createSteadyWorld(): Promise<SteadyWorld> {
  const productIds = productsOfEveryPartition(12, 4);
  const tallyman = await createTallyman();
  const api = await tallyman.startApi();
  const database = new pg.Client({ connectionString: tallyman.databaseUrl });
  await database.connect();
  await createStockedProducts(api.url, productIds);
  const acked: AckedOrder[] = [];
  let running: SteadyLoad | undefined;
  const endLoad = async (): Promise<void> => {
    const load = running;
    running = undefined;
    await load?.stop();
    acked.push(...(load?.acked ?? []));
  };
  return {
    tallyman,
    api,
    database,
    productIds,
    acked,
    startLoad: (perSecond, url = () => api.url) => (running = startSteadyLoad({ url, productIds, perSecond })),
    endLoad,
    stop: async (role) => {
      const askedAt = performance.now();
      expect(await role.stop()).toBe(0);
      const tookMs = performance.now() - askedAt;
      expect(tookMs).toBeLessThan(exitLimitMs);
      return tookMs;
    },
    expectNothingLost: async () => {
      await endLoad();
      const { lost, strangers, decided } = await untilAllDecided(database, acked, 30_000);
      expect([lost.length, strangers, decided.length], "lost, strangers, decided").toEqual([0, 0, acked.length]);
      expect(await wrongBooks(database)).toEqual([]);
      return decided;
    },
    [Symbol.asyncDispose]: async () => {
      await database.end();
      await tallyman[Symbol.asyncDispose]();
    },
  };
}

/**
 * The owner's side of Redis (P15, P16).
 *
 * Who owns what: Redis owns the epochs it knows (`tallyman:owners`); of that this file keeps nothing between calls, so that a
 * flush or a fail-over can't make it believe what is gone. What it keeps is a guess at what costs less.
 *
 * I1 Nothing is written under an epoch that Redis does not know, and a lower epoch than the known one is refused: both
 *    by the script that writes.
 * I2 An epoch becomes known in this order: read the incarnation, ask PostgreSQL whether the epoch is the latest, set it
 *    if the incarnation is still the same and no higher epoch is known. A flush in between changes the incarnation, so
 *    that an answer from before it counts for nothing.
 * I3 Scripts are bounded, and every partition is checked in each of them. All partitions of a commit share one script
 *    where they fit, for a write to the socket costs more than what is in it. A command that timed out may run later: by then its epoch
 *    is known or higher ones are, and versions and revisions keep order.
 * I4 A quantity is written only if nothing has happened to the cache since the moment that its owner noted before deciding
 *    it; else it is revoked: by the script that writes. This file only hands on what the script says that the cache is now.
 */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { limits } from "../../limits.ts";
import { CacheUnavailable } from "../effects-cache.ts";
import { nothingNoted } from "../effects-cache.ts";
import type {
  CacheMoment,
  EffectsCache,
  OrderEffect,
  OwnershipProof,
  PartitionEffects,
  StockEffect,
} from "../effects-cache.ts";
import { decisionText } from "./decision-feed.ts";
import { orderKey, ownersKey } from "./keys.ts";
import { cacheUnavailable, loadScript, runScript } from "./script.ts";

const applyEffects = loadScript("./apply-effects.lua");
const raiseEpoch = loadScript("./raise-epoch.lua");

/** Flushes in a row that an owner puts up with in one call. */
const raiseAttemptsMax = 3;

/** What one script writes of one partition. */
type Piece = {
  readonly of: PartitionEffects;
  readonly stock: readonly StockEffect[];
  readonly orders: readonly OrderEffect[];
};
/** What became of one partition's effects. */
type Outcome = "written" | "fenced" | "epoch_unknown";
type Written = {
  readonly fenced: ReadonlySet<PartitionEffects>;
  readonly now: CacheMoment;
  /** How many of the orders Redis had. */
  readonly ordersPresent: number;
};

export type RedisEffectsCacheOptions = {
  readonly redis: Redis;
  readonly proof: OwnershipProof;
  readonly channel: string;
};

export function createRedisEffectsCache({ redis, proof, channel }: RedisEffectsCacheOptions): EffectsCache {
  /** Of the orders that were told last, most were in Redis: documents are sent at once then, without asking for which. */
  let mostArePresent = false;

  const write = async (pieces: readonly Piece[]) => {
    const scripts = packed(pieces);
    const results = await Promise.all(scripts.map((script) => runScript(redis, applyEffects, ...argumentsOf(script))));
    const outcomes = new Map<PartitionEffects, Outcome>();
    let now = nothingNoted;
    let ordersPresent = 0;
    for (const [index, script] of scripts.entries()) {
      const told: unknown = results[index];
      if (!Array.isArray(told)) throw new TypeError("the script must return an array");
      const [incarnation, partitionCount, revocations, present, ...each] = told as readonly unknown[];
      ordersPresent += Number(present);
      now = {
        incarnation: String(incarnation),
        partitionCount: Number(partitionCount),
        revocations: Number(revocations),
      };
      for (const [at, { of }] of script.entries()) {
        if (outcomes.get(of) !== "fenced") outcomes.set(of, worse(outcomes.get(of), each[at]));
      }
    }
    return { outcomes, now, ordersPresent };
  };

  /** Keeps I2. */
  const raise = async ({ partition, epoch }: PartitionEffects): Promise<Outcome> => {
    const incarnation = await readIncarnation(redis);
    if (!(await proof(partition, epoch))) return "fenced";
    const result = await runScript(redis, raiseEpoch, [ownersKey], [incarnation, partition, epoch]);
    if (result === 0) return "fenced";
    return result === 1 ? "written" : "epoch_unknown";
  };

  const writeOrRaise = async (pieces: readonly Piece[]): Promise<Written> => {
    const fenced = new Set<PartitionEffects>();
    let now = nothingNoted;
    let ordersPresent = 0;
    let left = pieces;
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt === raiseAttemptsMax) throw new CacheUnavailable("the cache was emptied again and again");
      const written = await write(left);
      const { outcomes } = written;
      now = written.now;
      ordersPresent += written.ordersPresent;
      const unknown = [...outcomes].filter(([, outcome]) => outcome === "epoch_unknown").map(([of]) => of);
      for (const [of, outcome] of outcomes) if (outcome === "fenced") fenced.add(of);
      const raised = await Promise.all(unknown.map(raise));
      for (const [index, of] of unknown.entries()) if (raised[index] === "fenced") fenced.add(of);
      left = left.filter(({ of }) => unknown.includes(of) && !fenced.has(of));
    }
    return { fenced, now, ordersPresent };
  };

  /** Those pieces of which Redis has at least one order, and how many it has: asking costs a quarter of sending the documents. */
  const present = async (pieces: readonly Piece[]) => {
    const groups = packed(pieces);
    const counts = await Promise.all(
      groups.map((group) =>
        redis.exists(...group.flatMap(({ orders }) => orders.map((each) => orderKey(each.orderId)))),
      ),
    );
    const there = groups.filter((_, index) => (counts[index] ?? 0) > 0).flat();
    return { pieces: there, ordersPresent: counts.reduce((sum, count) => sum + count, 0) };
  };

  const applyAll = async (effects: readonly PartitionEffects[]): Promise<Omit<Written, "ordersPresent">> => {
    const [stock, orders] = [effects.flatMap(stockPieces), effects.flatMap(orderPieces)];
    const orderCount = orders.reduce((sum, piece) => sum + piece.orders.length, 0);
    if (orderCount === 0) return writeOrRaise(stock);
    if (mostArePresent) {
      const written = await writeOrRaise([...stock, ...orders]);
      mostArePresent = written.ordersPresent * 2 > orderCount;
      return written;
    }
    const [{ fenced, now }, found] = await Promise.all([writeOrRaise(stock), present(orders)]);
    mostArePresent = found.ordersPresent * 2 > orderCount;
    const again = await writeOrRaise(found.pieces.filter(({ of }) => !fenced.has(of)));
    return { fenced: new Set([...fenced, ...again.fenced]), now };
  };

  return {
    apply: async (effects) => {
      try {
        const { fenced, now } = await applyAll(effects);
        return { fenced: [...new Set([...fenced].map(({ partition }) => partition))], now };
      } catch (error) {
        throw cacheUnavailable(error);
      }
    },
    publish: async (message) => {
      try {
        await redis.publish(channel, decisionText(message));
      } catch (error) {
        throw cacheUnavailable(error);
      }
    },
  };
}

async function readIncarnation(redis: Redis): Promise<string> {
  await redis.hsetnx(ownersKey, "incarnation", randomUUID());
  const incarnation = await redis.hget(ownersKey, "incarnation");
  if (incarnation === null) throw new CacheUnavailable("the cache was emptied while it was asked");
  return incarnation;
}

/** At least one piece, also when there is nothing to write: its answer tells whether the owner is fenced. */
function stockPieces(of: PartitionEffects): Piece[] {
  const pieces = slices(of.stock).map((stock) => ({ of, stock, orders: [] }));
  return pieces.length > 0 ? pieces : [{ of, stock: [], orders: [] }];
}

function orderPieces(of: PartitionEffects): Piece[] {
  return slices(of.orders).map((orders) => ({ of, stock: [], orders }));
}

function slices<Item>(items: readonly Item[]): Item[][] {
  const size = limits.cacheScriptEntriesMax;
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** Puts pieces together, in order, as far as one script may go (I3). */
function packed(pieces: readonly Piece[]): Piece[][] {
  const groups: Piece[][] = [];
  let room = 0;
  for (const piece of pieces) {
    const entries = piece.stock.length + piece.orders.length;
    if (groups.length === 0 || entries > room) {
      groups.push([]);
      room = limits.cacheScriptEntriesMax;
    }
    room -= entries;
    groups.at(-1)?.push(piece);
  }
  return groups;
}

function worse(before: Outcome | undefined, told: unknown): Outcome {
  if (told === 0) return "fenced";
  return told === 1 && before !== "epoch_unknown" ? "written" : "epoch_unknown";
}

function argumentsOf(script: readonly Piece[]): [keys: string[], args: (string | number)[]] {
  const keys = [ownersKey];
  const args: (string | number)[] = [
    limits.productQuantityTtlSeconds,
    limits.productVersionTtlSeconds,
    limits.orderTtlSeconds,
  ];
  for (const { of, stock, orders } of script) {
    const { incarnation, partitionCount, revocations } = of.noted;
    args.push(of.partition, of.epoch, of.partitionCount, incarnation, partitionCount, revocations);
    args.push(stock.length, orders.length);
    for (const { productId, quantity, version, isHome } of stock)
      args.push(productId, isHome ? quantity : "-", version);
    for (const order of orders) {
      keys.push(orderKey(order.orderId));
      args.push(JSON.stringify(order.document()));
    }
  }
  return [keys, args];
}

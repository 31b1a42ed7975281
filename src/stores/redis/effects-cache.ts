/**
 * The owner's side of Redis (P15, P16).
 *
 * Who owns what: Redis owns the epochs it knows (`tallyman:owners`); this file keeps nothing between calls, so that a
 * flush or a fail-over can't make it believe what is gone.
 *
 * I1 Nothing is written under an epoch that Redis does not know, and a lower epoch than the known one is refused: both
 *    by the script that writes.
 * I2 An epoch becomes known in this order: read the incarnation, ask PostgreSQL whether the epoch is the latest, set it
 *    if the incarnation is still the same and no higher epoch is known. A flush in between changes the incarnation, so
 *    that an answer from before it counts for nothing.
 * I3 Chunks are bounded, and every chunk is checked by itself. A command that timed out may run later: by then its epoch
 *    is known or higher ones are, and versions and revisions keep order.
 */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { limits } from "../../limits.ts";
import { CacheUnavailable } from "../effects-cache.ts";
import type { EffectsCache, OrderEffect, OwnershipProof, PartitionEffects, StockEffect } from "../effects-cache.ts";
import { orderKey, ownersKey } from "./keys.ts";
import { cacheUnavailable, loadScript, runScript } from "./script.ts";

const applyEffects = loadScript("./apply-effects.lua");
const raiseEpoch = loadScript("./raise-epoch.lua");

/** Flushes in a row that an owner puts up with in one call. */
const raiseAttemptsMax = 3;

type Chunk = { readonly keys: string[]; readonly args: (string | number)[] };
/** What became of one partition's effects. */
type Outcome = "written" | "fenced" | "epoch_unknown";

export type RedisEffectsCacheOptions = {
  readonly redis: Redis;
  readonly proof: OwnershipProof;
  readonly channel: string;
};

export function createRedisEffectsCache({ redis, proof, channel }: RedisEffectsCacheOptions): EffectsCache {
  const write = async (chunks: readonly Chunk[]): Promise<Outcome> => {
    const results = await Promise.all(chunks.map(({ keys, args }) => runScript(redis, applyEffects, keys, args)));
    if (results.includes(0)) return "fenced";
    return results.every((result) => result === 1) ? "written" : "epoch_unknown";
  };

  /** Keeps I2. */
  const raise = async ({ partition, epoch }: PartitionEffects): Promise<Outcome> => {
    const incarnation = await readIncarnation(redis);
    if (!(await proof(partition, epoch))) return "fenced";
    const result = await runScript(redis, raiseEpoch, [ownersKey], [incarnation, partition, epoch]);
    if (result === 0) return "fenced";
    return result === 1 ? "written" : "epoch_unknown";
  };

  const writeOrRaise = async (effects: PartitionEffects, chunks: readonly Chunk[]): Promise<boolean> => {
    for (let attempt = 0; attempt < raiseAttemptsMax; attempt++) {
      const outcome = await write(chunks);
      if (outcome !== "epoch_unknown") return outcome === "written";
      if ((await raise(effects)) === "fenced") return false;
    }
    throw new CacheUnavailable(
      `the cache was emptied ${raiseAttemptsMax} times while partition ${effects.partition} wrote`,
    );
  };

  /** Those pieces of which Redis has at least one order: asking costs a quarter of sending the documents. */
  const present = async (orders: readonly OrderEffect[]): Promise<(readonly OrderEffect[])[]> => {
    const pieces = piecesOf(orders);
    const counts = await Promise.all(
      pieces.map((piece) => redis.exists(...piece.map((each) => orderKey(each.orderId)))),
    );
    return pieces.filter((_, index) => (counts[index] ?? 0) > 0);
  };

  const applyOne = async (effects: PartitionEffects): Promise<boolean> => {
    const [written, orders] = await Promise.all([writeOrRaise(effects, stockChunks(effects)), present(effects.orders)]);
    if (!written || orders.length === 0) return written;
    return writeOrRaise(
      effects,
      orders.map((piece) => chunkOf(effects, [], piece)),
    );
  };

  return {
    apply: async (effects) => {
      try {
        const written = await Promise.all(effects.map(applyOne));
        return { fenced: effects.filter((_, index) => written[index] === false).map(({ partition }) => partition) };
      } catch (error) {
        throw cacheUnavailable(error);
      }
    },
    publish: async (message) => {
      try {
        await redis.publish(channel, JSON.stringify(message));
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

/** At least one chunk, also when there is nothing to write: its answer tells whether the owner is fenced. */
function stockChunks(effects: PartitionEffects): Chunk[] {
  const pieces = piecesOf(effects.stock);
  return (pieces.length > 0 ? pieces : [[]]).map((piece) => chunkOf(effects, piece, []));
}

function piecesOf<Item>(items: readonly Item[]): Item[][] {
  const size = limits.cacheScriptEntriesMax;
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function chunkOf(of: PartitionEffects, stock: readonly StockEffect[], orders: readonly OrderEffect[]): Chunk {
  const { productQuantityTtlSeconds, productVersionTtlSeconds, orderTtlSeconds } = limits;
  const keys = [ownersKey];
  const args: (string | number)[] = [of.partition, of.epoch, productQuantityTtlSeconds, productVersionTtlSeconds];
  args.push(orderTtlSeconds, stock.length);
  for (const { productId, quantity, version } of stock) args.push(productId, quantity, version);
  for (const order of orders) {
    keys.push(orderKey(order.orderId));
    args.push(JSON.stringify(order.document()));
  }
  return { keys, args };
}

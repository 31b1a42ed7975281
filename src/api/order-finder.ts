/**
 * Finds orders by id (P17): Redis, which has what processors told and, of packed orders, what readers found; else PostgreSQL, else the proof that there is none. Questions of one turn of the event
 * loop share one command to Redis, one statement and one proof.
 */
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import { LogUnavailable } from "../log/log.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import { decidedOrder, pendingOrder } from "../schemas/order-document.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import type { StoredLine } from "../schemas/lines.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import type { DeadLetterStore, KeptLetter } from "../stores/dead-letter-store.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import type { OrderReads } from "../stores/order-reads.ts";
import type { ReadCache } from "../stores/read-cache.ts";
import { createTickBatch } from "../stores/tick-batch.ts";
import type { AbsenceProof } from "./absence-proof.ts";

export type Found =
  | { readonly kind: "known"; readonly order: OrderDocument }
  | { readonly kind: "unknown" }
  /** Not found, and not proven either: it may be on its way. */
  | { readonly kind: "undecided" };

export type OrderFinder = {
  /** What Redis says; null: nothing, or Redis is away. Never rejects for Redis. */
  glance(orderId: string): Promise<OrderDocument | null>;
  /** What PostgreSQL says of any command. Rejects with `StoreUnavailable`. */
  line(commandId: string): Promise<StoredLine | null>;
  /** The decided order, as PostgreSQL has it; null: there is none. Rejects with `StoreUnavailable`. */
  decided(orderId: string): Promise<OrderDocument | null>;
  /** Redis, then PostgreSQL, without the proof. A pending order is believed while it is young. */
  known(orderId: string): Promise<OrderDocument | null>;
  /** `known`, then the proof. Rejects with `StoreUnavailable`. */
  find(orderId: string): Promise<Found>;
};

export type OrderFinderOptions = {
  readonly cache: Pick<ReadCache, "readOrder">;
  readonly orders: Pick<OrderReads, "lines">;
  readonly letters: Pick<DeadLetterStore, "undecided">;
  readonly codec: Pick<CommandCodec, "decode" | "learn">;
  readonly proveAbsence: AbsenceProof;
  readonly metrics: Pick<Metrics, "cacheFailures">;
  readonly clock: Pick<Clock, "now" | "soon">;
  /** A packed order that Redis keeps beside what processors tell, which is no older than PostgreSQL's; null: none. Never rejects. */
  readonly kept?: (orderId: string) => Promise<OrderDocument | null>;
};

export function createOrderFinder(options: OrderFinderOptions): OrderFinder {
  const { cache, orders, letters, codec, proveAbsence, metrics, clock } = options;
  const { kept = () => Promise.resolve(null) } = options;
  const line = createTickBatch<string, StoredLine | null>(limits.lookupIdsMax, (ids) => orders.lines(ids), clock);

  const glance = async (orderId: string): Promise<OrderDocument | null> => {
    try {
      return await cache.readOrder(orderId);
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      metrics.cacheFailures.inc();
      return null;
    }
  };
  const decided = async (orderId: string): Promise<OrderDocument | null> => {
    const found = await line(orderId);
    return found?.type === "PlaceOrder" ? decidedOrder(found, found.decidedAt) : null;
  };
  const letter = createTickBatch<string, KeptLetter | null>(
    limits.lookupIdsMax,
    (ids) => letters.undecided(ids),
    clock,
  );
  /** An order that its partition has passed, but that waits for its product, is still to be decided (P13). */
  const waiting = async (orderId: string): Promise<OrderDocument | null> => {
    const found = await letter(orderId);
    if (found === null) return null;
    const { key, value, partition, offset } = found;
    let read = codec.decode(key, value);
    if (read.kind === "unknown_schema") {
      await codec.learn(read.schemaId).catch((cause: unknown) => {
        throw new StoreUnavailable("the schema of an order that waits can't be had now", { cause });
      });
      read = codec.decode(key, value);
    }
    if (read.kind !== "command" || read.command.type !== "PlaceOrder") return null;
    return pendingOrder(read.command, partition, offset);
  };
  /**
   * A mark is made before the append: an old one may stand for an order that was decided, or that never came. One from the future
   * is no better: this clock or another one is wrong, and may be for long. So it is believed for twice the time at most.
   */
  const isBelieved = ({ status, placedAt }: OrderDocument): boolean =>
    status !== "pending" || Math.abs(clock.now() - Date.parse(placedAt)) < limits.pendingBelievedMs;
  const known = async (orderId: string): Promise<OrderDocument | null> => {
    const glanced = await glance(orderId);
    if (glanced === null) return (await kept(orderId)) ?? decided(orderId);
    if (isBelieved(glanced)) return glanced;
    try {
      return (await decided(orderId)) ?? glanced;
    } catch (error) {
      if (error instanceof StoreUnavailable) return glanced;
      throw error;
    }
  };

  return {
    glance,
    line,
    decided,
    known,
    find: async (orderId) => {
      const first = await known(orderId);
      if (first !== null && isBelieved(first)) return { kind: "known", order: first };
      const unproven: Found = first === null ? { kind: "undecided" } : { kind: "known", order: first };
      try {
        if (!(await proveAbsence())) return unproven;
        // Asked for again at last: what no longer waits may have been decided since it was looked for.
        const second = (await decided(orderId)) ?? (await waiting(orderId)) ?? (await decided(orderId));
        return second === null ? { kind: "unknown" } : { kind: "known", order: second };
      } catch (error) {
        // A mark is an answer while nobody can be asked whether there is a better one.
        if (first !== null && (error instanceof StoreUnavailable || error instanceof LogUnavailable)) return unproven;
        throw error;
      }
    },
  };
}

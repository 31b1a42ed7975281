import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import { LogUnavailable } from "../log/log.ts";
import type { AppendRecord } from "../log/log.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { Command, PlaceOrder } from "../schemas/commands.ts";
import { WriterOverloaded } from "./order-writer.ts";
import type { OrderWriter } from "./order-writer.ts";
import { NotRouted } from "./partition-map.ts";
import type { IngressMap } from "./partition-map.ts";
import { Problem, retrySoon } from "./problems.ts";
import type { ProductQuotas } from "./product-quotas.ts";
import type { StoreAwayBacklog } from "./store-away-backlog.ts";

/** A command's place in the log. */
export type Place = { readonly partition: number; readonly offset: number };

/** Why a command is not known to be in the log: what `append` rejects with. */
export type Failure = { readonly error: unknown };

export type CommandLog = {
  /**
   * Throws a `Problem`: `overloaded` when PostgreSQL is away and the backlog is full, `product_busy` where an order's product holds up others, and
   * as `append` where too many wait for products that move. `append` asks too; who does something before it that tells others of the command asks first.
   */
  requireRoom(command: Command): void;
  /**
   * Resolves once the log has acknowledged the command. Rejects with a `Problem` that names the command's id, so that the
   * caller can ask again for the same command: `log_unavailable`, `overloaded`, `product_busy`, `product_moving`.
   */
  append(command: Command): Promise<Place>;
  /**
   * Many orders at once, in their order, for a fraction of what each costs alone. Resolves when the fate of all is known, to a place or the
   * `Problem` of each, as `append` has it.
   */
  appendAll(orders: readonly PlaceOrder[]): Promise<readonly (Place | Failure)[]>;
  /**
   * Calls `act` once the log has room for so many commands, which it appends in the same turn: who has many is held up instead of being
   * refused. Resolves to what it returns.
   */
  whenRoom<Result>(commands: number, act: () => Result): Promise<Result>;
  /** How many of so many orders of one product may be sent now, one at least: at once, or when a product that holds up others may have more. */
  roomFor(productId: string, orders: number): number | Promise<number>;
  /** Where the command will be appended, as far as that is known. */
  partitionOf(command: Command): number;
};

export type CommandLogOptions = {
  readonly codec: Pick<CommandCodec, "encode">;
  readonly writer: Pick<OrderWriter, "append" | "appendAll" | "whenRoom">;
  readonly backlog: StoreAwayBacklog;
  readonly map: Pick<IngressMap, "expectedPartition" | "partitionNow" | "hasRoom" | "hold" | "isSure" | "confirm">;
  readonly quotas: Pick<ProductQuotas, "hasRoom" | "roomFor" | "sent" | "appended">;
  readonly clock?: Pick<Clock, "monotonic">;
};

/** Encodes each command once, and holds it while its product moves (P19). */
export function createCommandLog(options: CommandLogOptions): CommandLog {
  const { codec, writer, backlog, map, quotas, clock = systemClock } = options;
  const requireRoom = (command: Command): void => {
    if (!backlog.hasRoom()) {
      const detail =
        "The database is away, and as many requests as may wait for it do. Nothing was sent; try again with the same id.";
      throw new Problem("overloaded", detail, { members: idsOf(command), headers: retrySoon });
    }
    if (command.type === "PlaceOrder" && !quotas.hasRoom(command.productId)) {
      const detail =
        "The product is ordered faster than its orders are decided, and holds up others. Nothing was sent; try again with the same id.";
      throw new Problem("product_busy", detail, { members: idsOf(command), headers: retrySoon });
    }
    if (!map.hasRoom(command.productId)) throw problemOf(new NotRouted("moving"), command);
  };
  const append = async (command: Command): Promise<Place> => {
    requireRoom(command);
    const { productId } = command;
    const value = codec.encode(command);
    const sentAt = clock.monotonic();
    const deadline = sentAt + limits.appendDeadlineMs;
    if (command.type === "PlaceOrder") quotas.sent(productId, map.expectedPartition(productId));
    const send = async (partition: number, before?: number): Promise<Place> => {
      return { partition, offset: await writer.append({ partition, key: productId, value }, before) };
    };
    try {
      const free = map.partitionNow(productId);
      const place = await (free === undefined
        ? map.hold(productId, (partition) => send(partition, deadline))
        : send(free));
      backlog.add();
      quotas.appended(place.partition, place.offset, sentAt);
      if (!map.isSure(productId, place.partition)) await map.confirm(productId, place.partition, deadline);
      return place;
    } catch (error) {
      throw problemOf(error, command);
    }
  };

  /** Orders whose partition is known, as one append takes them. */
  const appendTogether = async (
    sent: readonly Sent[],
    sentAt: number,
    outcomes: (Place | Failure)[],
  ): Promise<void> => {
    const deadline = sentAt + limits.appendDeadlineMs;
    const doubts: Promise<void>[] = [];
    try {
      const offsets = await writer.appendAll(sent.map(({ record }) => record));
      let next = 0;
      for (const { order, record, index } of sent) {
        const place = { partition: record.partition, offset: offsets[next++] ?? -1 }; // There are as many.
        outcomes[index] = place;
        backlog.add();
        quotas.appended(place.partition, place.offset, sentAt);
        if (map.isSure(order.productId, place.partition)) continue;
        const confirmed = map.confirm(order.productId, place.partition, deadline);
        doubts.push(confirmed.catch((error: unknown) => void (outcomes[index] = { error: problemOf(error, order) })));
      }
    } catch (error) {
      for (const { order, index } of sent) outcomes[index] = { error: problemOf(error, order) };
    }
    await Promise.all(doubts);
  };

  const appendAll: CommandLog["appendAll"] = async (orders) => {
    const sentAt = clock.monotonic();
    const outcomes: (Place | Failure)[] = orders.map(() => ({ error: undefined })); // All are settled below.
    const flights: Promise<void>[] = [];
    let [sent, bytes] = [new Array<Sent>(), 0];
    const fly = (): void => {
      if (sent.length > 0) flights.push(appendTogether(sent, sentAt, outcomes));
      [sent, bytes] = [[], 0];
    };
    for (const [index, order] of orders.entries()) {
      try {
        requireRoom(order);
        const { productId } = order;
        const partition = map.partitionNow(productId);
        if (partition === undefined) {
          const alone = append(order).catch((error: unknown): Failure => ({ error }));
          flights.push(alone.then((outcome) => void (outcomes[index] = outcome)));
          continue;
        }
        quotas.sent(productId, partition);
        const value = codec.encode(order);
        sent.push({ order, record: { partition, key: productId, value }, index });
        bytes += value.length;
        if (sent.length >= limits.appendTogetherRecordsMax || bytes >= limits.appendTogetherBytesMax) fly();
      } catch (error) {
        outcomes[index] = { error };
      }
    }
    fly();
    await Promise.all(flights);
    return outcomes;
  };

  return {
    partitionOf: ({ productId }) => map.expectedPartition(productId),
    requireRoom,
    roomFor: (productId, orders) => quotas.roomFor(productId, orders),
    whenRoom: (commands, act) => writer.whenRoom(commands, act),
    append,
    appendAll,
  };
}

type Sent = {
  readonly order: PlaceOrder;
  readonly record: AppendRecord;
  /** Among the orders that were handed in. */
  readonly index: number;
};

const idsOf = ({ type, commandId }: Command) => ({
  commandId,
  ...(type === "PlaceOrder" && { orderId: commandId }),
});

const notRouted = {
  moving: [
    "product_moving",
    "Partitions are being added, and the product moves. Nothing was sent; try again with the same id.",
  ],
  unknown: ["log_unavailable", "Where the product is can't be told now. Nothing was sent; try again with the same id."],
  full: [
    "overloaded",
    "Too many requests wait to be told where products are. Nothing was sent; try again with the same id.",
  ],
} as const;

function problemOf(error: unknown, command: Command): unknown {
  const members = idsOf(command);
  if (error instanceof NotRouted) {
    const [code, detail] = notRouted[error.because];
    return new Problem(code, detail, { members, headers: retrySoon, cause: error });
  }
  if (error instanceof WriterOverloaded) {
    const detail = "Too many requests wait for the order log. Nothing was sent; try again with the same id.";
    return new Problem("overloaded", detail, { members, headers: retrySoon, cause: error });
  }
  if (error instanceof LogUnavailable) {
    const detail = "Whether this was stored is unknown. Send it again with the same id: it will count once.";
    return new Problem("log_unavailable", detail, { members, headers: retrySoon, cause: error });
  }
  return error;
}

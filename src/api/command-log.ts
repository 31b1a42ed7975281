import { LogUnavailable } from "../log/log.ts";
import { partitionOf } from "../partitioning/partition-of.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { Command } from "../schemas/commands.ts";
import { WriterOverloaded } from "./order-writer.ts";
import type { OrderWriter } from "./order-writer.ts";
import { Problem, retrySoon } from "./problems.ts";
import type { StoreAwayBacklog } from "./store-away-backlog.ts";

/** A command's place in the log. */
export type Place = { readonly partition: number; readonly offset: number };

export type CommandLog = {
  /**
   * Throws a `Problem` `overloaded` when PostgreSQL is away and the backlog is full. `append` asks too; who does something
   * before it that tells others of the command asks first.
   */
  requireRoom(command: Command): void;
  /**
   * Resolves once the log has acknowledged the command. Rejects with a `Problem` that names the command's id, so that the
   * caller can ask again for the same command: `log_unavailable`, `overloaded`.
   */
  append(command: Command): Promise<Place>;
  /** Where the command will be appended. */
  partitionOf(command: Command): number;
};

export type CommandLogOptions = {
  readonly codec: Pick<CommandCodec, "encode">;
  readonly writer: Pick<OrderWriter, "append">;
  readonly backlog: StoreAwayBacklog;
  /** Of the order topic, as the topic itself says. */
  readonly partitionCount: number;
};

/** Encodes each command once. */
export function createCommandLog({ codec, writer, backlog, partitionCount }: CommandLogOptions): CommandLog {
  const partitionFor = ({ productId }: Command): number => partitionOf(productId, partitionCount);
  const requireRoom = (command: Command): void => {
    if (backlog.hasRoom()) return;
    const detail =
      "The database is away, and as many requests as may wait for it do. Nothing was sent; try again with the same id.";
    throw new Problem("overloaded", detail, { members: idsOf(command), headers: retrySoon });
  };
  return {
    partitionOf: partitionFor,
    requireRoom,
    append: async (command) => {
      requireRoom(command);
      const partition = partitionFor(command);
      const value = codec.encode(command);
      try {
        const offset = await writer.append({ partition, key: command.productId, value });
        backlog.add();
        return { partition, offset };
      } catch (error) {
        throw problemOf(error, command);
      }
    },
  };
}

const idsOf = ({ type, commandId }: Command) => ({
  commandId,
  ...(type === "PlaceOrder" && { orderId: commandId }),
});

function problemOf(error: unknown, command: Command): unknown {
  const members = idsOf(command);
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

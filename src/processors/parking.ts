/** Parks the product of a command that the store refuses for its data (P7). */
import type { DataRefused } from "../stores/ledger-store.ts";
import type { Chunk } from "./lease.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

export type ParkingDeps = Pick<ProcessorDeps, "log" | "metrics" | "limits">;

export class Parking {
  readonly #deps: ParkingDeps;
  /** Products that parked since anything was decided. */
  #inARow = 0;

  constructor(deps: ParkingDeps) {
    this.#deps = deps;
  }

  /** Something was decided: the store does not refuse everything. */
  decided(): void {
    this.#inARow = 0;
  }

  /**
   * The one command left in the chunks is the culprit: it is kept as a letter and parks its product. Undefined: there is none to
   * park, it has been tried, or so many have parked in a row that the store itself is suspected.
   */
  park(chunks: readonly Chunk[], error: DataRefused): readonly Chunk[] | undefined {
    const { limits, log, metrics } = this.#deps;
    const entry = chunks.flatMap(({ entries }) => entries)[0];
    if (entry === undefined || !("command" in entry) || this.#inARow >= limits.parksInARowMax) return undefined;
    const reason = error.message.slice(0, limits.letterReasonCharsMax).toWellFormed();
    const { command, partition, offset } = entry;
    const { productId, commandId } = command;
    const about = { err: error, productId, commandId, partition, offset };
    if (command.type === "ResumeProduct") {
      log.warn(about, "the store still refuses what waits for this product; it stays parked");
    } else {
      this.#inARow += 1;
      metrics.parks.inc();
      log.error(
        about,
        `the store refuses to write this command; its product is parked, and its commands wait: tallyman parked show ${productId}`,
      );
    }
    return chunks.map((chunk) => ({
      ...chunk,
      entries: chunk.entries.map((each) => (each === entry ? { refused: entry, reason } : each)),
    }));
  }
}

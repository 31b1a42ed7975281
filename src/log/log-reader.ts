import type { FetchedRange } from "./log.ts";

/** What is to be read of one partition: offsets from <= offset < to. */
export type ReadRange = { readonly partition: number; readonly from: number; readonly to: number };

/** The port through which the log is read again, beside those who decide it. */
export type LogReader = {
  /**
   * All that is wanted, one partition after the other in the order given, each in its order. Where the log does not have an
   * offset any more, or a marker takes it, no record has it; a range that begins above the end of the one before says that
   * what is between was trimmed meanwhile. One read at a time; it may be left early. Rejects with `LogUnavailable`.
   */
  read(wanted: readonly ReadRange[]): AsyncIterable<FetchedRange>;
  close(): Promise<void>;
};

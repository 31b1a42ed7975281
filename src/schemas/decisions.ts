/** What the decisions topic says: what became of commands, one record for each product and commit. docs/consuming.md has the contract. */
import type { Line, LineStatus } from "./lines.ts";

export type Decision = Pick<
  Line,
  "commandId" | "type" | "reason" | "orderId" | "quantity" | "delta" | "stockAfter" | "version" | "revision" | "offset"
> & {
  readonly status: LineStatus;
  /** Where it was decided: with `index`, what repeats are known by. */
  readonly position: number;
  readonly index: number;
  /** Milliseconds since 1970. */
  readonly decidedAt: number;
};

export type Decisions = {
  readonly productId: string;
  /** Of the orders topic. */
  readonly partition: number;
  readonly decisions: readonly Decision[];
};

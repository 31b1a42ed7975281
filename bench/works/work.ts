// A work is what all contenders are given to do; a case is one contender's turn at one row of it.
import type { Client } from "pg";
import type { Contender } from "../contenders/contender.ts";
import type { Generator } from "../load/generator.ts";
import type { Bench } from "../support/bench.ts";
import type { Cpu } from "../support/cpu.ts";
import type { MemoryLooks } from "../support/memory.ts";
import type { Written } from "../support/written.ts";
import type { Field } from "./field.ts";
import type { Scale } from "./scale.ts";

export type Work = {
  /** What `--only` calls it. */
  readonly key: string;
  /** Of `README.md` and of the tables. */
  readonly title: string;
  readonly rows: (scale: Scale) => readonly Row[];
  /** The cases of one repetition, in their order. */
  readonly cases: (context: Context) => readonly Case[];
};

export type Context = {
  readonly bench: Bench;
  readonly scale: Scale;
  readonly contenders: readonly Contender[];
  readonly field: Field;
  readonly generator: Generator;
  /** A session on the server, in nobody's database. */
  readonly database: Client;
};

export type Unit = "orders/s" | "ms" | "MB";

/** A line of a table, in which contenders stand beside each other. */
export type Row = {
  readonly key: string;
  readonly title: string;
  /** More is better of orders/s; less of ms and MB. */
  readonly unit: Unit;
  readonly ratios: readonly RatioTo[];
  /** What Tallyman's median is to stay below. */
  readonly atMost?: number;
};

/** Against whom the row's contenders are held: the best of that one's rows, in each repetition. */
export type RatioTo = {
  readonly contender: string;
  readonly rows: readonly string[];
  /** What Tallyman's own ratio is to reach, or to stay below. */
  readonly atLeast?: number;
  readonly atMost?: number;
};

export type Case = { readonly title: string; readonly run: () => Promise<readonly Measured[]> };

export type Measured = {
  readonly row: string;
  readonly contender: string;
  readonly title: string;
  readonly sample: Sample;
};

export type Sample = {
  /** In the row's unit. */
  readonly value: number;
  /** How many orders `cpu` and `written` are of. */
  readonly orders: number;
  readonly cpu: Cpu | undefined;
  readonly written: Written;
  readonly memory: MemoryLooks;
  /** Whatever else is worth telling, by name with its unit. */
  readonly details: Readonly<Record<string, number>>;
  /** What must not be, a sentence each. */
  readonly problems: readonly string[];
};

export const noSample = { orders: 0, cpu: undefined, written: {}, memory: {}, details: {}, problems: [] } as const;

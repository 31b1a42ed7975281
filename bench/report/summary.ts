/** From the measurements of all repetitions to the lines of a table. Pure. */
import type { Row, Unit } from "../works/work.ts";
import type { Measured, RatioTo, Sample } from "../works/work.ts";
import { sumCpu } from "../support/cpu.ts";
import { type Spread, ratioOf, spreadOf } from "../support/percentiles.ts";

/** One contender at one row of a work. */
export type Line = {
  readonly work: string;
  readonly row: string;
  readonly rowTitle: string;
  readonly unit: Unit;
  readonly contender: string;
  readonly title: string;
  readonly repetitions: number;
  readonly spread: Spread;
  readonly ratios: readonly Ratio[];
  /** What Tallyman is to reach here, said in words, and whether it does. */
  readonly goals: readonly { readonly text: string; readonly isMet: boolean }[];
  /** Medians over the repetitions. */
  readonly details: Readonly<Record<string, number>>;
  readonly cpuSecondsPer1000: Readonly<Record<string, number>>;
  readonly bytesPerOrder: Readonly<Record<string, number>>;
};

/** How many times as much as `to` it is, by the median of the repetitions. */
export type Ratio = { readonly to: string; readonly value: number };

export type WorkRows = { readonly key: string; readonly rows: readonly Row[] };

/** `repetitions` holds what was measured in each, in the order of time. Whose goals are judged is `judged`. */
export function summarise(
  works: readonly WorkRows[],
  repetitions: readonly (readonly Measured[])[],
  judged: string,
): Line[] {
  const all = repetitions.flat();
  const samples = (row: string, contender: string): Sample[] =>
    all.filter((each) => each.row === row && each.contender === contender).map(({ sample }) => sample);
  const bestOf = ({ contender, rows }: RatioTo): number[] =>
    repetitions.flatMap((measured) => {
      const values = measured.filter((each) => each.contender === contender && rows.includes(each.row));
      return values.length === 0 ? [] : [Math.max(...values.map(({ sample }) => sample.value))];
    });

  return works.flatMap(({ key: work, rows }) =>
    rows.flatMap((row) => {
      const titles = new Map(all.filter((each) => each.row === row.key).map((each) => [each.contender, each.title]));
      return [...titles].map(([contender, title]): Line => {
        const own = samples(row.key, contender);
        const values = own.map(({ value }) => value);
        const against = row.ratios.filter((each) => !(each.contender === contender && each.rows.includes(row.key)));
        const ratios = against.flatMap((each) => {
          const value = ratioOf(values, bestOf(each));
          return value === undefined ? [] : [{ to: each.contender, value, wanted: each }];
        });
        const spread = spreadOf(values);
        return {
          work,
          row: row.key,
          rowTitle: row.title,
          unit: row.unit,
          contender,
          title,
          repetitions: own.length,
          spread,
          ratios: ratios.map(({ to, value }) => ({ to, value })),
          goals: contender === judged ? goalsOf(row, spread, ratios) : [],
          details: mediansOf(own.map(({ details }) => details)),
          cpuSecondsPer1000: perOrder(own, ({ cpu }) => cpu, 1_000),
          bytesPerOrder: perOrder(own, ({ written }) => written, 1),
        };
      });
    }),
  );
}

type Judged = Ratio & { readonly wanted: RatioTo };

function goalsOf({ atMost, unit }: Row, { median }: Spread, ratios: readonly Judged[]): Line["goals"] {
  const own = atMost === undefined ? [] : [{ text: `at most ${atMost} ${unit}`, isMet: median <= atMost }];
  const others = ratios.flatMap(({ to, value, wanted: { atLeast, atMost: most } }) => [
    ...(atLeast === undefined ? [] : [{ text: `at least ${atLeast} of ${to}`, isMet: value >= atLeast }]),
    ...(most === undefined ? [] : [{ text: `at most ${most} of ${to}`, isMet: value <= most }]),
  ]);
  return [...own, ...others];
}

export function mediansOf(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  const valuesOf = (name: string): number[] => records.flatMap((record) => record[name] ?? []);
  return Object.fromEntries([...names].map((name) => [name, spreadOf(valuesOf(name)).median]));
}

/** The sum over the repetitions for so many orders; nothing where a repetition can't tell. */
function perOrder(
  samples: readonly Sample[],
  amounts: (sample: Sample) => Readonly<Record<string, number>> | undefined,
  orders: number,
): Record<string, number> {
  const counted = samples.reduce((sum, sample) => sum + sample.orders, 0);
  const sum = sumCpu(samples.map(amounts));
  if (sum === undefined || counted === 0) return {};
  return Object.fromEntries(Object.entries(sum).map(([name, amount]) => [name, (amount / counted) * orders]));
}

export type MemoryLine = {
  readonly contender: string;
  readonly process: string;
  readonly looks: number;
  readonly medianMegabytes: number;
  readonly maxMegabytes: number;
};

/** Of every process, all looks of all works and repetitions. */
export function summariseMemory(measured: readonly Measured[]): MemoryLine[] {
  const looks = new Map<string, { contender: string; process: string; megabytes: number[] }>();
  for (const { contender, sample } of measured)
    for (const [process, some] of Object.entries(sample.memory)) {
      const key = `${contender}/${process}`;
      const found = looks.get(key) ?? { contender, process, megabytes: [] };
      looks.set(key, { ...found, megabytes: [...found.megabytes, ...some] });
    }
  return [...looks.values()].map(({ contender, process, megabytes }) => {
    const { median, max } = spreadOf(megabytes);
    return { contender, process, looks: megabytes.length, medianMegabytes: median, maxMegabytes: max };
  });
}

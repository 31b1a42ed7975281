/** What follows from the figures of a race. Pure: figures in, exit code and reasons out. */
import type { Books } from "./contender.ts";

export type Figures = Books & {
  /** Units of the product before the first order, and orders sent, each for one of them. */
  readonly stocked: number;
  readonly sent: number;
  /** Decided orders by the time from the first one sent until the last one is decided. */
  readonly ordersPerSecond: number;
};

/** 0: the race shows what it is for. 1: Tallyman is at fault. 2: the other design did as it should, so that nothing is shown. */
export type Verdict = { readonly exitCode: 0 | 1 | 2; readonly reasons: readonly string[] };

/** Units that are sold or for sale beyond those that there were; below 0 so many units have got lost. */
export const oversold = ({ sold, left, stocked }: Figures): number => sold + left - stocked;

/** Orders of which nobody who sent them can know what became of them. */
export const undecided = ({ sent, accepted, refused }: Figures): number => sent - accepted - refused;

export function verdict(seed: Figures, tallyman: Figures): Verdict {
  const faults = faultsOf(tallyman);
  if (faults.length > 0) return { exitCode: 1, reasons: faults.map((fault) => `Tallyman: ${fault}`) };
  // A shop that does not answer loses the race for another reason than the one that is to be shown.
  if (undecided(seed) !== 0) {
    return { exitCode: 2, reasons: [`The other shop left ${undecided(seed)} orders without an answer: not a race.`] };
  }
  if (oversold(seed) === 0) {
    return { exitCode: 2, reasons: ["The other shop lost nothing this time: more --clients, or more --orders."] };
  }
  return { exitCode: 0, reasons: [] };
}

function faultsOf(figures: Figures): string[] {
  const { stocked, accepted, refused, sold, left, cached, problems } = figures;
  const over = oversold(figures);
  const open = undecided(figures);
  const numbers = `${sold} sold and ${left} left of ${stocked}`;
  const faults: [boolean, string][] = [
    [over > 0, `${over} units are oversold: ${numbers}.`],
    [over < 0, `${-over} units are lost: ${numbers}.`],
    [open !== 0, `${open} orders have no decision that their callers could know.`],
    [sold !== accepted, `${accepted} orders for one unit are accepted, and ${sold} units sold.`],
    [refused > 0 && left > 0, `${refused} orders are refused, and ${left} units left.`],
    [cached !== left, `Redis says that ${cached ?? "nobody knows how many"} are left, and PostgreSQL ${left}.`],
  ];
  return [...faults.filter(([holds]) => holds).map(([, fault]) => fault), ...problems];
}

// npm run race: the lost update, shown. The design that Tallyman replaces and Tallyman get the same orders on the same services, one after
// the other. Exit codes: bench/race/verdict.ts.
import { openTallyman } from "./race/tallyman.ts";
import type { Contender } from "./race/contender.ts";
import { runOrders } from "./race/run.ts";
import { type Figures, oversold, undecided, verdict } from "./race/verdict.ts";
import { openSeedShop } from "./seed-shop/shop.ts";
import { runBench } from "./support/bench.ts";
import { writeFigures } from "./support/figures-file.ts";
import { whole } from "./support/numbers.ts";
import { printTable } from "./support/table.ts";

const defaults = { units: 1_000, orders: 3_000, clients: 32, workers: 4, "warm-up": 1_000, json: false };

await runBench("npm run race", defaults, async (bench, options) => {
  const race = async (title: string, open: () => Promise<Contender>): Promise<Figures> => {
    await using contender = await open();
    return await bench.progress.step(`${title}: ${whole(options.orders)} orders`, () =>
      runOrders(contender, options, bench),
    );
  };
  const seed = await race("Absolute numbers", () => openSeedShop(bench, options.workers));
  const tallyman = await race("Tallyman", () => openTallyman(bench));
  const { exitCode, reasons } = verdict(seed, tallyman);

  if (options.json) {
    const told = (figures: Figures) => ({ ...figures, oversold: oversold(figures), undecided: undecided(figures) });
    console.log(JSON.stringify({ options, seed: told(seed), tallyman: told(tallyman), exitCode, reasons }));
  } else {
    print(seed, tallyman, options);
    writeFigures("race", options, { seed, tallyman, exitCode, reasons });
  }
  for (const reason of reasons) console.error(`WRONG: ${reason}`);
  return exitCode;
});

function print(seed: Figures, tallyman: Figures, options: typeof defaults): void {
  console.log(`
${whole(options.units)} units of one product, and ${whole(options.orders)} orders for one unit each from ${options.clients} clients. Every answer is the decision.
Read when both were at rest; oversold is sold + left - stocked, by PostgreSQL.
`);
  const row = (title: string, figures: Figures): string[] => [
    title,
    whole(figures.accepted),
    whole(figures.refused),
    whole(figures.sold),
    whole(figures.left),
    figures.cached === null ? "none" : whole(figures.cached),
    whole(oversold(figures)),
    whole(figures.ordersPerSecond),
  ];
  printTable(
    ["", "accepted", "refused", "units sold", "left: PostgreSQL", "left: Redis", "oversold", "orders/s"],
    [row("absolute numbers", seed), row("Tallyman", tallyman)],
  );
}

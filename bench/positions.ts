// npm run bench:positions: drivers say where they are, one by one and many at once, while orders are placed.
import type { OpenLoop } from "./load/loads.ts";
import { type Generator, startGenerator } from "./load/generator.ts";
import { sendPositions } from "./load/positions.ts";
import { runBench } from "./support/bench.ts";
import { type Cpu, others, pidsOf, readCpu, spent } from "./support/cpu.ts";
import { writeFigures } from "./support/figures-file.ts";
import { type Installation, createInstallation } from "./support/installation.ts";
import { printTable } from "./support/table.ts";
import { createStockedProducts } from "../test/support/http-load.ts";

const defaults = {
  seconds: 10,
  "warm-up": 2,
  rate: 2_000,
  orders: 500,
  drivers: 2_000,
  connections: 128,
  together: 100,
};
type Options = typeof defaults;

type Measured = {
  readonly what: string;
  /** Of requests; null: no positions were sent. */
  readonly positions: Awaited<ReturnType<typeof sendPositions>> | null;
  readonly orders: Awaited<ReturnType<Generator["run"]>>;
  readonly cpu: Cpu | undefined;
};

await runBench("npm run bench:positions", defaults, async (bench, options) => {
  await using installation = await createInstallation(bench);
  const api = await installation.start("api");
  const processor = await installation.start("processor");
  const productIds = Array.from({ length: 100 }, (_, n) => `product-${n}`);
  const driverIds = Array.from({ length: options.drivers }, (_, n) => `driver-${n}`);
  await createStockedProducts(api.url, productIds);
  await insertDrivers(installation, driverIds);
  await using generator = await startGenerator(bench);
  const pids = pidsOf({
    api: api.pid,
    processor: processor.pid,
    "orders' load": generator.pid,
    ...bench.services.pids,
  });

  const measure = async (what: string, together: number): Promise<Measured> => {
    const orders = (seconds: number): OpenLoop => ({
      ...{
        kind: "open",
        url: `${api.url}/orders`,
        perSecond: options.orders,
        seconds,
        connections: options.connections,
      },
      ...{ productIds, distribution: "uniform", headers: {} },
    });
    const load = { url: api.url, driverIds, perSecond: options.rate, connections: options.connections, together };
    const both = (seconds: number) =>
      Promise.all([
        generator.run(orders(seconds)),
        together === 0 ? null : sendPositions({ ...load, seconds }, bench.signal),
      ]);
    await both(options["warm-up"]);
    const [before, ownBefore] = [readCpu(pids), process.cpuUsage()];
    const [ordered, positions] = await both(options.seconds);
    bench.progress.line(`${what}: done`);
    return { what, positions, orders: ordered, cpu: withOwn(spent(before, readCpu(pids)), ownBefore) };
  };
  const measured = [
    await measure("orders alone", 0),
    await measure("positions one by one", 1),
    await measure(`positions ${options.together} at a time`, options.together),
  ];
  print(measured, options);
  writeFigures("positions", options, measured);
  const failed = measured.filter((each) => !isRight(each, options));
  for (const { what } of failed) console.error(`WRONG: ${what}: not everything was answered as it should be.`);
  return failed.length === 0 ? 0 : 1;
});

/** The positions come from this process, whose children all others are, so that its own time is asked of itself. */
function withOwn(cpu: Cpu | undefined, from: NodeJS.CpuUsage): Cpu | undefined {
  if (cpu === undefined) return undefined;
  const { user, system } = process.cpuUsage(from);
  const own = (user + system) / 1e6;
  return { "positions' load": own, ...cpu, [others]: (cpu[others] ?? 0) - own };
}

/** On duty, all at once: registering thousands over HTTP is not what is measured. */
async function insertDrivers({ database }: Installation, driverIds: readonly string[]): Promise<void> {
  await database.query(
    "insert into drivers (driver_id, name, on_duty) select id, id, true from unnest($1::text[]) as id",
    [driverIds],
  );
}

/** Every position was taken, or told to be older than what came before it; every order is in the log. */
function isRight({ positions, orders }: Measured, { rate, seconds }: Options): boolean {
  const others = Object.keys(orders.statuses).filter((status) => status !== "202");
  if (orders.errors > 0 || others.length > 0) return false;
  if (positions === null) return true;
  const { applied = 0, not_newer = 0 } = positions.outcomes;
  return positions.errors === 0 && applied + not_newer >= Math.floor(rate * seconds);
}

function print(measured: readonly Measured[], { rate, orders, seconds }: Options): void {
  const ms = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(1));
  console.log(`\n${rate} positions/s and ${orders} orders/s for ${seconds} s; milliseconds from when each was due`);
  printTable(
    ["", "requests", "p50", "p99", "without answer", "positions by outcome", "orders p50", "orders p99"],
    measured.map(({ what, positions, orders: ordered }) => [
      what,
      String(positions?.requests ?? 0),
      ms(positions?.p50),
      ms(positions?.p99),
      String(positions?.errors ?? 0),
      Object.entries(positions?.outcomes ?? {})
        .map(([outcome, times]) => `${times} ${outcome}`)
        .join(", "),
      ms(ordered.p50),
      ms(ordered.p99),
    ]),
  );
  const names = Object.keys(measured[0]?.cpu ?? {});
  if (names.length === 0) return;
  console.log("\nSeconds of processor time");
  printTable(
    ["", ...names],
    measured.map(({ what, cpu }) => [what, ...names.map((name) => (cpu?.[name] ?? 0).toFixed(2))]),
  );
}

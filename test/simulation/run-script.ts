/** One world from its script: products, callers, other producers and faults; then everything heals, and the judge looks. */
import { limits } from "../../src/limits.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import type { Line } from "../../src/schemas/lines.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { Trace } from "../../src/simulation/engine.ts";
import { simCodec } from "../../src/simulation/sim-codec.ts";
import { World } from "../../src/simulation/world.ts";
import { placeOrder, receiveStock, resumeProduct, uuidOf } from "../support/commands.ts";
import {
  createProduct,
  newHistory,
  orderIdOf,
  productOf,
  quantityOf,
  runClient,
  customerOf,
  unlucky,
} from "./clients.ts";
import type { History } from "./clients.ts";
import { judge, judgeReaders, Violation } from "./judge.ts";
import type { Reading } from "./judge.ts";
import type { Foreign, ForeignRecord, Script } from "./script.ts";
import { troubleMs } from "./script.ts";

export type Outcome = { readonly world: World; readonly history: History };

/** After this without any fault everything must be decided and told. */
const progressMs = 90_000;
const quietMs = 10_000;
const resumeMs = 1_000;

/** Rejects with the `Violation` that the judge finds. */
export async function runScript(script: Script, trace?: Trace): Promise<Outcome> {
  const broken: Error[] = [];
  const note = (error: unknown): void => void broken.push(asError(error));
  // It would end the process that it happens in.
  process.on("unhandledRejection", note);
  try {
    return await runWorld(script, broken, trace);
  } finally {
    process.off("unhandledRejection", note);
  }
}

async function runWorld(script: Script, broken: readonly Error[], trace?: Trace): Promise<Outcome> {
  const { seed, partitions, apis, processors } = script;
  const refuses = ({ customerId }: Line): boolean => script.refuses && customerId === unlucky;
  const world = new World({ seed, partitions, apis, processors, refuses, ...(trace !== undefined && { trace }) });
  const history = newHistory();
  let busy = script.clients.length;
  let crashed: Error | undefined;
  const failed = (error: unknown): void => {
    crashed ??= asError(error);
  };

  world.setLosses(script.losses);
  const products = script.units.map((units, number) => createProduct(world, history, productOf(number), units));
  let ready = false;
  Promise.all(products).then(() => (ready = true), failed);
  await world.until(() => ready || crashed !== undefined, progressMs);
  for (const client of script.clients) {
    runClient(world, client, history).then(() => (busy -= 1), failed);
  }
  for (const { atMs, fault } of script.faults) world.engine.after(atMs, "fault", () => world.perform(fault));
  for (const foreign of script.foreign)
    world.engine.after(foreign.atMs, "foreign", () => produce(world, foreign, history));
  await world.until(() => crashed !== undefined, troubleMs);
  world.heal();
  world.mendStore();
  resumeParked(world);
  if (script.flushedAtLast) world.cache.flush();
  const rested = await world.until(
    () =>
      crashed !== undefined ||
      broken.length > 0 ||
      (busy === 0 && world.isDecided() && world.ledger.parked.size === 0 && world.maps.current()?.growth === null),
    progressMs,
  );
  if (crashed !== undefined) throw crashed;
  const [fault] = [...world.errors, ...broken];
  if (fault !== undefined) throw new Violation("I0", `a process broke: ${fault.message}`);
  if (!rested) throw new Violation("I6", describeStandstill(world, busy));
  await world.until(() => world.isTold(), 2 * quietMs);
  await world.until(() => false, quietMs);
  judge(world, history);
  const readings = await readAll(world);
  // Through a clock that is wrong an old mark may look young, for as long as it takes to pass (order-finder.ts).
  const isDoubtful = readings.some(({ body }) => body.includes('"status":"pending"'));
  if (isDoubtful) await world.until(() => false, 2 * limits.pendingBelievedMs);
  judgeReaders(world, isDoubtful ? await readAll(world) : readings);
  return { world, history };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Asks for everything that is stored, as any reader could. */
async function readAll(world: World): Promise<readonly Reading[]> {
  const orders = [...world.ledger.lines.values()].filter(({ type }) => type === "PlaceOrder");
  const paths = [
    ...orders.map(({ commandId }) => `/orders/${commandId}`),
    ...[...world.ledger.stock.keys()].map((id) => `/products/${id}`),
  ];
  const readings: Reading[] = [];
  for (const path of paths) {
    void world.http({ method: "GET", path }).then(({ status, body }) => void readings.push({ path, status, body }));
  }
  await world.until(() => readings.length === paths.length, quietMs);
  if (readings.length < paths.length)
    throw new Violation("I11", `${paths.length - readings.length} readers got no answer`);
  return readings;
}

/** What operators do from now on: they let every product go on that is parked. */
function resumeParked(world: World, times = 0): void {
  for (const productId of world.ledger.parked.keys()) {
    const home = partitionOf(productId, world.maps.current()?.partitionCount ?? 1);
    const command = resumeProduct({
      commandId: uuidOf(10_000 + 100 * times + Number(productId.slice(1))),
      productId,
      commandsMax: 3,
    });
    world.log.append([{ partition: home, key: productId, value: simCodec.encode(command) }]);
  }
  world.engine.after(resumeMs, "operators", () => resumeParked(world, times + 1));
}

function produce(world: World, { partition, records }: Foreign, history: History): void {
  const count = world.log.partitions.length;
  for (const record of records) {
    if (record.kind === "marker" || record.kind === "garbage") {
      const where = partition === "right" ? 0 : partition % count;
      const garbage = { partition: where, key: null, value: Buffer.from("not a command") };
      world.log.append([record.kind === "marker" ? { partition: where, marker: true } : garbage]);
      continue;
    }
    const command = foreignCommand(record);
    const { commandId, productId } = command;
    const where = partition === "right" ? partitionOf(productId, count) : partition % count;
    const map = world.maps.current();
    const isHome = map !== null && map.growth === null && where === partitionOf(productId, map.partitionCount);
    if (!isHome) history.strewn.add(productId);
    if (!history.sent.has(commandId)) history.sent.set(commandId, world.engine.now);
    world.log.append([{ partition: where, key: productId, value: simCodec.encode(command) }]);
  }
}

function foreignCommand(record: Exclude<ForeignRecord, { readonly kind: "marker" | "garbage" }>): Command {
  const { kind, number } = record;
  const productId = productOf(number);
  // An order with our callers' id and content: whoever else sends it, it counts once.
  if (kind === "order") {
    const fields = {
      commandId: orderIdOf(number),
      productId,
      quantity: quantityOf(number),
      unitPriceCents: 100,
      customerId: customerOf(number),
    };
    return placeOrder(fields);
  }
  return receiveStock({ commandId: uuidOf(number + 1_000), productId, quantity: 1 + (number % 5) });
}

function describeStandstill(world: World, busy: number): string {
  const partitions = world.log.partitions.map((entries, partition) => {
    const { nextOffset, effectsOffset, decisionsOffset, epoch } = world.ledger.progressOf(partition);
    return `partition ${partition}, epoch ${epoch}: told ${effectsOffset} and ${decisionsOffset}, decided ${nextOffset}, end ${entries.length}`;
  });
  const phase = world.maps.current()?.growth?.phase;
  if (phase !== undefined) partitions.push(`the growth is ${phase}`);
  return `${progressMs} ms after the last fault it is not at rest; ${busy} clients wait; ${partitions.join("; ")}`;
}

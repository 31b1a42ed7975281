/**
 * One run: services and processes of its own, a load, the faults of a schedule, the quiet afterwards, and the evidence of it
 * all. What is judged is in auditor/, what is told in report.ts.
 *
 * I1 Faults that are due do not wait for others, but for those of the same thing: a heal may take longer than was planned.
 * I2 The load goes on until the last fault is healed and somewhat longer, and ends when each of its commands is acknowledged.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { startOwnServices } from "../support/own-services.ts";
import type { OwnServices } from "../support/own-services.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Tallyman } from "../support/tallyman.ts";
import {
  readFinalOrders,
  readFinalProducts,
  readStored,
  untilDecided,
  untilRedisEqual,
  withDatabase,
} from "./aftermath.ts";
import { bounds } from "./auditor/quiet.ts";
import type { Evidence, SentCommand } from "./auditor/evidence.ts";
import { now } from "./clock.ts";
import { inflict } from "./faults.ts";
import type { FaultyWorld } from "./faults.ts";
import { growing } from "./growth.ts";
import { startFleet } from "./fleet.ts";
import type { Fleet } from "./fleet.ts";
import { startLoad } from "./load.ts";
import type { Load } from "./load.ts";
import { describeFault, thingsOf } from "./schedule.ts";
import type { Fault, Schedule } from "./schedule.ts";
import { createTopicReader } from "./topic.ts";
import { startWatcher } from "./watcher.ts";

export type SufferedFault = {
  readonly fault: Fault;
  readonly kind: string;
  readonly from: number;
  readonly to: number;
};

export type Campaign = {
  readonly schedule: Schedule;
  readonly evidence: Evidence;
  readonly faults: readonly SufferedFault[];
  readonly answers: Readonly<Record<string, number>>;
};

export type World = {
  readonly services: OwnServices;
  readonly tallyman: Tallyman;
  readonly redis: Redis;
  readonly fleet: Fleet;
  readonly load: Load;
};

export type Tell = (atMs: number, what: string) => void;

export type CampaignOptions = {
  readonly schedule: Schedule;
  readonly profileName: string;
  /** Where a line about each fault goes. */
  readonly tell: Tell;
  /** Ends the run early; what was seen so far is judged. */
  readonly signal?: AbortSignal;
  /** The program that the processes run, where it is not this checkout's. */
  readonly main?: string;
  /** Tampers with the books when all is decided, to show that the auditor finds it. */
  readonly tamper?: (world: World) => Promise<void>;
};

const partitions = 6;
const productCount = 36;
const patient = 8;
const hasty = 4;
const restMs = 50;
const afterFaultsMs = 4_000;
const finishLimitMs = 45_000;

export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const { schedule, tell } = options;
  await using services = await startOwnServices(options.profileName);
  await using tallyman = await createTallyman({
    redisDatabase: 1,
    addresses: services.addresses,
    logs: services.profile.logs,
    audited: false, // The campaign does that, and goes on when it finds something.
    environment: { ORDERS_PARTITIONS: String(partitions), LOG_LEVEL: "info" },
  });
  await using fleet = await startFleet({
    tallyman,
    addresses: services.addresses,
    logs: services.profile.logs,
    ...(options.main !== undefined && { main: options.main }),
  });
  await fleet.untilReady(60_000);
  try {
    return await suffer(options, { services, tallyman, fleet, redis: tallyman.redis }, schedule, tell);
  } catch (error) {
    // Told at once: what is disposed of in such a state may fail too, and hide it.
    console.error("The run could not be finished:", error);
    throw error;
  }
}

async function suffer(
  { signal, tamper }: CampaignOptions,
  partial: Omit<World, "load">,
  schedule: Schedule,
  tell: Tell,
): Promise<Campaign> {
  const { services, tallyman, fleet, redis } = partial;
  const urls = [fleet.members["api-1"].url, fleet.members["api-2"].url];
  const productIds = Array.from({ length: productCount }, (_, n) => `chaos-${n}`);
  const created = await createProducts(urls[0] ?? "", productIds);
  const watcher = startWatcher(tallyman.databaseUrl);
  const load = startLoad({ seed: schedule.seed, urls, productIds, patient, hasty, restMs });
  const world: World = { ...partial, load };
  try {
    const startedAt = now();
    const faults = await endure(schedule, world, tell, signal);
    const healedAt = now();
    await pause(afterFaultsMs, signal);
    await load.finish(finishLimitMs); // I2
    return await withDatabase(tallyman.databaseUrl, async (database) => {
      const topic = createTopicReader(services.addresses, tallyman.topic);
      const logEnds = await topic.ends();
      const decidedAt = await untilDecided(database, logEnds, bounds.progressMs * 2);
      await tamper?.(world);
      const redisEqual = await untilRedisEqual(redis, await readStored(database), bounds.redisEqualMs * 2);
      await watcher.stop();
      const commands = [...created, ...load.commands];
      const stored = await readStored(database);
      const ids = commands.flatMap(({ kind, id }) => (kind === "order" ? [id] : []));
      const finalOrders = await readFinalOrders(urls[0] ?? "", ids);
      const finalProducts = await readFinalProducts(urls[1] ?? "", productIds);
      const records = await topic.read(await topic.ends());
      const { code, stdout, stderr } = await tallyman.run("audit");
      const evidence: Evidence = {
        commands,
        tellings: load.tellings,
        surprises: load.surprises,
        seenLines: watcher.seenLines,
        seenProgress: watcher.seenProgress,
        ...stored,
        records,
        logEnds,
        finalOrders,
        finalProducts,
        endings: fleet.endings,
        memory: fleet.memory,
        faults: faults.map(({ kind, from, to }) => ({ kind, from, to })),
        startedAt,
        healedAt,
        decidedAt,
        redisEqualAfterMs: redisEqual.afterMs,
        redisDifferences: redisEqual.differences,
        secondOpinion: { code, output: stdout + stderr },
      };
      return { schedule, evidence, faults, answers: Object.fromEntries(load.answers) };
    });
  } finally {
    load.abort();
    await watcher.stop();
  }
}

/** Resolves when the last fault is healed, to what each of them was in fact. */
async function endure(schedule: Schedule, world: World, tell: Tell, signal?: AbortSignal): Promise<SufferedFault[]> {
  const suffered: SufferedFault[] = [];
  const begun = performance.now();
  const busy = new Map<string, Promise<void>>();
  const faulty: FaultyWorld = { ...world, ...growing(world), pause: (ms) => pause(ms, signal) };
  const all: Promise<void>[] = [];
  const failures: unknown[] = [];
  for (const fault of schedule.faults) {
    await pause(fault.at - (performance.now() - begun), signal);
    if (signal?.aborted === true) break;
    const things = thingsOf(fault.kind, fault.members);
    const before = things.flatMap((thing) => busy.get(thing) ?? []);
    const one = (async () => {
      await Promise.all(before); // I1
      tell(performance.now() - begun, describeFault(fault));
      const from = now();
      await inflict(fault, faulty);
      suffered.push({ fault, kind: fault.kind.name, from, to: now() });
    })().catch((error: unknown) => void failures.push(error));
    for (const thing of things) busy.set(thing, one);
    all.push(one);
  }
  await pause(schedule.minutes * 60_000 - (performance.now() - begun), signal);
  await Promise.all(all);
  // A fault that could not be healed is no finding about Tallyman: it ends the run.
  if (failures.length > 0) throw failures[0];
  return suffered.toSorted((a, b) => a.from - b.from);
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** Their first deliveries, as commands of a client's books. Every third product is scarce. */
async function createProducts(url: string, productIds: readonly string[]): Promise<SentCommand[]> {
  const commands: SentCommand[] = [];
  for (const [n, productId] of productIds.entries()) {
    const quantity = n % 3 === 0 ? 20 : 100_000;
    const firstSentAt = now();
    const response = await fetch(`${url}/products`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "wait=20" },
      body: JSON.stringify({
        id: productId,
        name: productId,
        category: "chaos",
        priceCents: 100,
        initialStock: quantity,
      }),
    });
    const body = (await response.json()) as { initialStock?: { commandId: string; status: string } };
    if (response.status !== 201 || body.initialStock?.status !== "accepted")
      throw new Error(`POST /products answers ${response.status}: ${JSON.stringify(body)}`);
    const id = body.initialStock.commandId;
    const acked = { attempts: 1, ackedAt: now(), place: null, isMoot: false };
    commands.push({
      kind: "delivery",
      id,
      productId,
      quantity,
      asOfVersion: null,
      client: "setup",
      firstSentAt,
      ...acked,
    });
  }
  return commands;
}

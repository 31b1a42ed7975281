/**
 * The clients of a run, and the books that they keep: what each sent and when, what was acknowledged and when, what was told.
 * Patient ones wait for each acknowledgement before they do anything else; hasty ones don't. All send what was not
 * acknowledged again, under the same id, to one api and then to the other.
 *
 * Who owns what: a patient client has products of its own, which the hasty ones use too; what each does is drawn from the
 * seed (operations.ts), when it does it is not.
 *
 * I1 A command is in the books before it is sent for the first time, and its acknowledgement is noted when its answer has
 *    been read: what was sent after that was sent after the acknowledgement.
 * I2 A command is sent again until it is acknowledged, or the run gives up.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { SentCommand, Telling } from "./auditor/evidence.ts";
import { readAnswer, requestFor } from "./calls.ts";
import type { Call } from "./calls.ts";
import { now } from "./clock.ts";
import { drawOperations } from "./operations.ts";
import type { Operation } from "./operations.ts";

export type Load = {
  readonly commands: SentCommand[];
  readonly tellings: readonly Telling[];
  readonly surprises: readonly string[];
  /** Answers by status and code, and failures of requests by their cause. */
  readonly answers: ReadonlyMap<string, number>;
  /** Begins no new commands; resolves when each that was begun is acknowledged, or after `limitMs`, and then gives up. */
  finish(limitMs: number): Promise<void>;
  abort(): void;
};

export type LoadOptions = {
  readonly seed: number;
  /** Of all apis. */
  readonly urls: readonly string[];
  readonly productIds: readonly string[];
  readonly patient: number;
  readonly hasty: number;
  /** Mean rest of a client between two operations. */
  readonly restMs: number;
};

const hastyOpenMax = 100;
const requestLimitMs = 8_000;
const waitSeconds = 5;
/** At most, of a product that is restored then. */
const archivedMs = 2_000;
const againMs = { min: 100, max: 500 } as const;
/** Orders that a client remembers, to read and to cancel them. */
const rememberedMax = 200;

type Remembered = { readonly id: string; readonly productId: string; isCancelled: boolean; isPacked: boolean };
type Client = {
  readonly name: string;
  readonly productIds: readonly string[];
  readonly orders: Remembered[];
  /** The last version that it was told of each product. */
  readonly versions: Map<string, number>;
};

export function startLoad({ seed, urls, productIds, patient, hasty, restMs }: LoadOptions): Load {
  const commands: SentCommand[] = [];
  const tellings: Telling[] = [];
  const surprises: string[] = [];
  const answers = new Map<string, number>();
  const aborted = new AbortController();
  let isLast = false;
  const count = (what: string): void => void answers.set(what, (answers.get(what) ?? 0) + 1);

  /** One request; resolves to whether it need not be sent again. */
  const exchange = async (client: Client, call: Call, seconds: number, api: number): Promise<boolean> => {
    const askedAt = now();
    const limit = AbortSignal.timeout(requestLimitMs + seconds * 1_000);
    const { path, init } = requestFor(call, seconds);
    try {
      const signal = AbortSignal.any([aborted.signal, limit]);
      const response = await fetch(`${urls[api % urls.length] ?? ""}${path}`, { ...init, signal });
      const body: unknown = await response.json();
      const toldAt = now();
      const { code, version } = body as { code?: string; version?: number | null };
      count(`${response.status}${code === undefined ? "" : ` ${code}`}`);
      const reading = readAnswer(call, response.status, response.headers, body);
      if (reading.surprise !== null) surprises.push(reading.surprise);
      for (const told of reading.told) tellings.push({ ...told, askedAt, toldAt });
      const productId = call.kind === "send" ? call.command.productId : call.kind === "read product" ? call.id : null;
      if (productId !== null && typeof version === "number" && version > 0) client.versions.set(productId, version);
      if (call.kind === "send") {
        const { command } = call;
        if (reading.isAcknowledged) command.ackedAt ??= toldAt; // I1
        command.place ??= reading.place;
        command.isMoot ||= reading.isMoot;
      }
      return reading.isFinal;
    } catch (error) {
      if (!aborted.signal.aborted) count(causeOf(error));
      return false;
    }
  };

  const submit = async (
    client: Client,
    content: Pick<SentCommand, "kind" | "id" | "productId" | "quantity"> & { asOfVersion?: number | null },
    { waits, isPrecise, api }: Operation,
  ): Promise<void> => {
    const command: SentCommand = {
      asOfVersion: null,
      ...content,
      client: client.name,
      firstSentAt: now(),
      attempts: 0,
      ackedAt: null,
      place: null,
      isMoot: false,
    };
    commands.push(command); // I1
    const call: Call = { kind: "send", command, namesProduct: isPrecise };
    while (!aborted.signal.aborted) {
      command.attempts += 1;
      if (await exchange(client, call, waits ? waitSeconds : 0, api + command.attempts)) return;
      await sleep(againMs.min + Math.random() * (againMs.max - againMs.min)); // I2
    }
  };

  /** The cancels of an order are one command, and its packings are one: one client keeps their books, once. */
  const settle = async (
    client: Client,
    kind: "cancel" | "pack",
    order: Remembered,
    operation: Operation,
  ): Promise<void> => {
    if (kind === "cancel" ? order.isCancelled : order.isPacked) return;
    if (kind === "cancel") order.isCancelled = true;
    else order.isPacked = true;
    const { id, productId } = order;
    await submit(client, { kind, id, productId, quantity: 0 }, operation);
  };

  const perform = async (client: Client, operation: Operation, turn: number): Promise<void> => {
    const { quantity, isPrecise, waits, api } = operation;
    const productId = client.productIds[operation.product % client.productIds.length] ?? "";
    const remembered = client.orders[operation.which % Math.max(1, client.orders.length)];
    const reference = `${client.name}-${turn}`;
    switch (operation.kind) {
      case "place": {
        const id = randomUUID();
        client.orders.push({ id, productId, isCancelled: false, isPacked: false });
        if (client.orders.length > rememberedMax) client.orders.shift();
        return submit(client, { kind: "order", id, productId, quantity }, operation);
      }
      case "cancel": {
        if (remembered !== undefined) await settle(client, "cancel", remembered, operation);
        return;
      }
      case "pack": {
        if (remembered !== undefined) await settle(client, "pack", remembered, operation);
        return;
      }
      case "pack and cancel": {
        // One may win, whichever of the two apis has it; and for a patient client too both are under way.
        if (remembered === undefined) return;
        await Promise.all([
          settle(client, "pack", remembered, operation),
          settle(client, "cancel", remembered, { ...operation, api: api + 1 }),
        ]);
        return;
      }
      case "cancel first": {
        const id = randomUUID();
        await submit(client, { kind: "cancel", id, productId, quantity: 0 }, { ...operation, isPrecise: true });
        return submit(client, { kind: "order", id, productId, quantity }, { ...operation, api: api + 1 });
      }
      case "deliver":
        return submit(client, { kind: "delivery", id: reference, productId, quantity: quantity * 10 }, operation);
      case "count": {
        const asOfVersion = isPrecise ? (client.versions.get(productId) ?? null) : null;
        return submit(
          client,
          { kind: "count", id: reference, productId, quantity: quantity * 20, asOfVersion },
          operation,
        );
      }
      case "archive for a while": {
        await submit(client, { kind: "archive", id: reference, productId, quantity: 0 }, operation);
        await sleep(archivedMs * operation.rest);
        return submit(
          client,
          { kind: "restore", id: reference, productId, quantity: 0 },
          { ...operation, api: api + 1 },
        );
      }
      case "read order":
        if (remembered !== undefined)
          await exchange(client, { kind: "read order", id: remembered.id }, waits ? 2 : 0, api);
        return;
      case "read product":
        await exchange(client, { kind: "read product", id: productId }, 0, api);
        return;
    }
  };

  const run = async (client: Client, operations: readonly Operation[], isPatient: boolean): Promise<void> => {
    const open = new Set<Promise<void>>();
    for (let turn = 0; !isLast && !aborted.signal.aborted; turn += 1) {
      const operation = operations[turn % operations.length];
      if (operation === undefined) return;
      const begun: Promise<void> = perform(client, operation, turn).finally(() => open.delete(begun));
      open.add(begun);
      if (isPatient) await begun;
      else if (open.size >= hastyOpenMax) await Promise.race(open);
      await sleep(2 * restMs * operation.rest);
    }
    await Promise.all(open);
  };

  const clients = Array.from({ length: patient + hasty }, (_, index) => {
    const isPatient = index < patient;
    const own = productIds.filter((__, n) => n % patient === index);
    const name = `${isPatient ? "patient" : "hasty"}-${index}`;
    const client: Client = { name, productIds: isPatient ? own : productIds, orders: [], versions: new Map() };
    return run(client, drawOperations(seed, index), isPatient);
  });
  const all = Promise.all(clients).then(() => undefined);

  return {
    commands,
    tellings,
    surprises,
    answers,
    finish: async (limitMs) => {
      isLast = true;
      const timer = setTimeout(() => aborted.abort(), limitMs);
      await all;
      clearTimeout(timer);
    },
    abort: () => {
      isLast = true;
      aborted.abort();
    },
  };
}

/** Why a request had no answer, in few words. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return cause instanceof Error ? cause.name : String(cause);
}

/**
 * Callers of the simulated world, and what they saw: the history that the judge holds against the books. A right client: it
 * gives every command an id of its own and sends the same again, with the same id, for as long as it does not know.
 */
import { cancelId, keyedId, packId } from "../../src/api/command-ids.ts";
import type { SimRequest, SimResponse } from "../../src/simulation/sim-http.ts";
import type { World } from "../../src/simulation/world.ts";
import { ConnectionLost } from "../../src/simulation/world.ts";
import { uuidOf } from "../support/commands.ts";

/** What one client does. The number of an order or a delivery tells what is in it: sent twice, it is the same. */
export type Action =
  | { readonly do: "order"; readonly number: number; readonly waits: boolean }
  | { readonly do: "cancel"; readonly number: number; readonly names: boolean }
  | { readonly do: "restock"; readonly number: number }
  | { readonly do: "count"; readonly number: number; readonly asOfVersion: number | null }
  | { readonly do: "archive" | "restore" | "pack"; readonly number: number }
  /** Null: the last order that this client placed. */
  | { readonly do: "read"; readonly number: number | null }
  | { readonly do: "stock"; readonly product: number };

export type ClientScript = {
  /** Waits for each acknowledgement before it sends the next. */
  readonly waits: boolean;
  readonly steps: readonly { readonly pauseMs: number; readonly action: Action }[];
};

export type History = {
  /** When each command was first sent by anybody, in milliseconds of the world. */
  readonly sent: Map<string, number>;
  /** When each command was first acknowledged. */
  readonly acknowledged: Map<string, number>;
  /** Where acknowledgements said that commands lie in the log. */
  readonly places: { readonly commandId: string; readonly partition: number; readonly offset: number }[];
  /** What callers were told was decided: never to be undone, but for an order that is cancelled. */
  readonly told: { readonly commandId: string; readonly status: string; readonly atMs: number }[];
  /** Answers that said that an order does not exist. */
  readonly absent: { readonly orderId: string; readonly askedAtMs: number }[];
  readonly answers: Map<string, number>;
  /** Products of which another producer wrote records to a partition that was not theirs, or might soon not be. */
  readonly strewn: Set<string>;
};

export const productCount = 4;
const triesMax = 40;
const retryMs = [100, 1_500] as const;

export const productOf = (number: number): string => `p${number % productCount}`;
export const quantityOf = (number: number): number => 1 + (number % 3);
export const orderIdOf = uuidOf;

/** Orders of this customer are what the store refuses until it is mended. */
export const unlucky = "unlucky";
export const customerOf = (number: number): string | null => (number % 5 === 0 ? unlucky : null);

export function newHistory(): History {
  return {
    sent: new Map(),
    acknowledged: new Map(),
    places: [],
    told: [],
    absent: [],
    answers: new Map(),
    strewn: new Set(),
  };
}

/** Resolves when the client has done all that it wanted to, or has given up on it. */
export async function runClient(world: World, script: ClientScript, history: History): Promise<void> {
  const open: Promise<void>[] = [];
  let last = 1;
  for (const { pauseMs, action } of script.steps) {
    await world.engine.pause(pauseMs, "client");
    if (action.do === "order") last = action.number;
    const isOwn = action.do === "read" && action.number === null;
    const done = act(world, isOwn ? { ...action, number: last } : action, history);
    if (script.waits) await done;
    else open.push(done);
  }
  await Promise.all(open);
}

async function act(world: World, action: Action, history: History): Promise<void> {
  switch (action.do) {
    case "order": {
      const orderId = orderIdOf(action.number);
      const body = {
        orderId,
        productId: productOf(action.number),
        quantity: quantityOf(action.number),
        customerId: customerOf(action.number),
      };
      const headers: Record<string, string> = action.waits ? { prefer: "wait=5" } : {};
      await command(world, history, orderId, { method: "POST", path: "/orders", headers, body });
      return;
    }
    case "cancel": {
      const orderId = orderIdOf(action.number);
      const body = action.names ? { productId: productOf(action.number) } : undefined;
      await command(world, history, cancelId(orderId), { method: "POST", path: `/orders/${orderId}/cancel`, body });
      return;
    }
    case "restock": {
      const productId = productOf(action.number);
      const key = `delivery-${action.number}`;
      const body = { quantity: 1 + (action.number % 5) };
      const request = {
        method: "POST",
        path: `/products/${productId}/restock`,
        headers: { "idempotency-key": key },
        body,
      };
      await command(world, history, keyedId(`restock:${productId}`, key), request);
      return;
    }
    case "count": {
      const productId = productOf(action.number);
      const { number, asOfVersion } = action;
      const key = `count-${number}-${asOfVersion ?? "now"}`;
      const body = { quantity: number % 9, asOfVersion };
      const request = {
        method: "PUT",
        path: `/products/${productId}/stock`,
        headers: { "idempotency-key": key },
        body,
      };
      await command(world, history, keyedId(`count:${productId}`, key), request);
      return;
    }
    case "pack": {
      const orderId = orderIdOf(action.number);
      await command(world, history, packId(orderId), { method: "POST", path: `/orders/${orderId}/pack` });
      return;
    }
    case "archive":
    case "restore": {
      const productId = productOf(action.number);
      const key = `${action.do}-${action.number}`;
      const request = {
        method: "POST",
        path: `/products/${productId}/${action.do}`,
        headers: { "idempotency-key": key },
      };
      await command(world, history, keyedId(`${action.do}:${productId}`, key), request);
      return;
    }
    case "read":
      await read(world, history, orderIdOf(action.number ?? 1));
      return;
    case "stock":
      // What a reader refills must not outlive what owners write.
      await world.http({ method: "GET", path: `/products/${productOf(action.product)}` }).catch(unlessLost);
  }
}

/** Adds the product, with so many units, and resolves when it is there. */
export async function createProduct(world: World, history: History, id: string, initialStock: number): Promise<void> {
  const body = { id, name: id, category: "things", priceCents: 100, initialStock };
  for (let tries = 0; tries < triesMax; tries += 1) {
    const response = await world.http({ method: "POST", path: "/products", body }).catch(unlessLost);
    if (response?.status === 201) {
      const { initialStock: first } = JSON.parse(response.body) as { initialStock: { commandId: string } };
      note(history.acknowledged, first.commandId, world.engine.now);
      return;
    }
    await world.engine.pause(world.engine.between(...retryMs), "client tries again");
  }
}

async function command(world: World, history: History, commandId: string, request: SimRequest): Promise<void> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    note(history.sent, commandId, world.engine.now);
    const response = await world.http(request).catch(unlessLost);
    if (response !== undefined && remember(world, history, commandId, response)) return;
    await world.engine.pause(world.engine.between(...retryMs), "client tries again");
  }
}

type Answer = {
  readonly status: unknown;
  readonly code?: string;
  readonly partition?: number;
  readonly offset?: number | null;
};

/** Whether the caller knows enough. */
function remember(world: World, history: History, commandId: string, { status, body }: SimResponse): boolean {
  const atMs = world.engine.now;
  const document = JSON.parse(body) as Answer;
  const key = `${status} ${document.code ?? ""}`.trim();
  history.answers.set(key, (history.answers.get(key) ?? 0) + 1);
  if (status >= 500) return false;
  if (status >= 400) {
    // A refusal that was decided, or one that never got to the log: only the first is in the books.
    const isDecided = status === 409 || document.code === "unknown_product";
    if (isDecided && "version" in document && document.version !== undefined) {
      const isCancelled = document.code === "order_cancelled" || document.code === "cancelled_before_placed";
      history.told.push({ commandId, status: isCancelled ? "cancelled" : "rejected", atMs });
    }
    return true;
  }
  note(history.acknowledged, commandId, atMs);
  const { partition, offset } = document;
  if (document.status === "pending" && typeof partition === "number" && typeof offset === "number")
    history.places.push({ commandId, partition, offset });
  if (status !== 202 && typeof document.status === "string" && document.status !== "pending") {
    history.told.push({ commandId, status: commandId === idIn(document) ? document.status : "accepted", atMs });
  }
  return true;
}

/** A cancel is answered with the order that it cancelled. */
function idIn(document: object): unknown {
  if ("orderId" in document && !("type" in document)) return document.orderId;
  return "commandId" in document ? document.commandId : undefined;
}

async function read(world: World, history: History, orderId: string): Promise<void> {
  const askedAtMs = world.engine.now;
  const response = await world.http({ method: "GET", path: `/orders/${orderId}` }).catch(unlessLost);
  if (response?.status === 404) history.absent.push({ orderId, askedAtMs });
  if (response?.status !== 200) return;
  const { status } = JSON.parse(response.body) as { status: string };
  if (status !== "pending") history.told.push({ commandId: orderId, status, atMs: world.engine.now });
}

function note(times: Map<string, number>, commandId: string, atMs: number): void {
  if (!times.has(commandId)) times.set(commandId, atMs);
}

function unlessLost(error: unknown): undefined {
  if (error instanceof ConnectionLost) return undefined;
  throw error;
}

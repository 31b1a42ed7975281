/**
 * Many orders of one request: a line each, answered by a line each, in their order.
 *
 * Who owns what: a run owns the orders of its request that have been taken and not answered, and their waiters.
 *
 * I1 Orders are handed to the log in the order of their lines: all of one piece of the body in one turn, and the next piece only
 *    after that. So the orders of a product are in the log as they are in the body, but for those that fail (P18).
 * I2 A line that is refused spoils no other, and is never in the log by its own doing. Whatever fails with `retryAfter` may be sent again
 *    with the same id: it counts once (P1).
 * I3 Nothing is marked in Redis: an order of a batch is read from PostgreSQL, or proven not to exist (P17).
 * I4 No piece is handed to the log before that has room for it: a batch is held up where a single order is refused. The same for one whose
 *    orders are all of a product that holds up others; among orders of other products, which are not to wait for it, its orders are refused.
 */
import type { FastifyBaseLogger } from "fastify";
import { limits } from "../limits.ts";
import type { PlaceOrder } from "../schemas/commands.ts";
import { pendingOrder } from "../schemas/order-document.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import type { Product } from "../stores/catalogue-store.ts";
import type { Place } from "./command-log.ts";
import { keyedId, normalId } from "./command-ids.ts";
import type { InputLine } from "./ndjson.ts";
import { placeOrder, unknownProduct, untilDecided } from "./order-request.ts";
import { problemOf } from "./plugins/error-answers.ts";
import { compileCheck } from "./plugins/validation.ts";
import { partProblem, Problem } from "./problems.ts";
import type { ProblemCode } from "./problems.ts";
import { refusalDetail } from "./refusals.ts";
import { PlaceOrderBody } from "./schemas/orders.ts";
import type { ApiServices } from "./services.ts";
import type { Waiter } from "./waiters.ts";

/** What became of one line: as `BatchResult` in schemas/batch.ts has it. */
export type BatchResult = { readonly line: number } & (
  | {
      readonly orderId: string;
      readonly status: OrderDocument["status"];
      readonly partition: number;
      readonly offset: number | null;
      readonly stockAfter?: number | null;
      readonly version?: number | null;
      readonly code?: ProblemCode;
      readonly detail?: string;
    }
  | {
      readonly orderId?: string;
      readonly status: "failed";
      readonly code: ProblemCode;
      readonly detail: string;
      readonly retryAfter?: number;
      readonly errors?: unknown;
    }
);

/** A line that was read: `value` is what it says, unless it can't be read at all. */
export type BatchLine =
  { readonly number: number; readonly value: unknown } | { readonly number: number; readonly problem: Problem };

export type BatchRun = {
  /**
   * Takes lines; resolves as soon as the next ones may be taken, with the promise of what became of these, in their order. Neither
   * rejects for what a line says.
   */
  take(lines: readonly BatchLine[]): Promise<{ readonly results: Promise<readonly BatchResult[]> }>;
};

export type BatchOptions = {
  /** Of the request, for lines that name no order id. */
  readonly idempotencyKey: string | undefined;
  readonly waitSeconds: number;
  readonly logger: FastifyBaseLogger;
};

type Order = { readonly line: number; readonly orderId: string; readonly body: PlaceOrderBody };
type Sent = Order & { readonly command: PlaceOrder };
/** A line that is no order. */
type Refusal = { readonly line: number; readonly problem: Problem };

const checkBody = compileCheck(PlaceOrderBody, "body");

/** A line as JSON. Bytes that are not UTF-8 and lines that are too long came as what is broken about them. */
export function parseLine(line: InputLine): BatchLine {
  const { number } = line;
  if ("broken" in line) {
    const detail =
      line.broken === "body_too_large"
        ? `The line is longer than ${limits.commandBodyBytesMax} bytes.`
        : "The line is not UTF-8.";
    return { number, problem: new Problem(line.broken, detail) };
  }
  try {
    return { number, value: JSON.parse(line.text) as unknown };
  } catch {
    return { number, problem: new Problem("malformed_json", "The line is not JSON.") };
  }
}

export function createBatchRun(services: ApiServices, { idempotencyKey, waitSeconds, logger }: BatchOptions): BatchRun {
  const { catalogue, finder, log, newCommandId, now } = services;
  const register = (orderId: string) => services.waiters.register(orderId);

  const failed = (line: number, error: unknown, orderId?: string): BatchResult => {
    const problem = problemOf(error);
    if (problem.code === "internal_error") logger.error({ err: error, line, orderId }, "a line of a batch failed");
    return { line, ...(orderId !== undefined && { orderId }), status: "failed", ...partProblem(problem) };
  };
  const orderOf = (read: BatchLine): Order | Refusal => {
    const { number: line } = read;
    if ("problem" in read) return { line, problem: read.problem };
    const checked = checkBody(read.value);
    if ("error" in checked) return { line, problem: checked.error };
    const body = checked.value as PlaceOrderBody; // It was checked against this very schema.
    const keyed = idempotencyKey === undefined ? null : keyedId(`batch_order:${line}`, idempotencyKey);
    const given = typeof body.orderId === "string" ? normalId(body.orderId) : keyed;
    return { line, orderId: given ?? newCommandId(), body };
  };

  const decided = async (order: Sent, place: Place, waiter: Waiter): Promise<BatchResult> => {
    const { line, orderId, body, command } = order;
    const reused = typeof body.orderId === "string" ? "order_id_reused" : "idempotency_key_reused";
    const pending = pendingOrder(command, place.partition, place.offset);
    try {
      return resultOf(line, await untilDecided(pending, waiter, waitSeconds * 1000, reused, finder));
    } catch (error) {
      return failed(line, error, orderId);
    }
  };
  /** Orders whose products are known: to the log at once, without awaiting anything before (I1). */
  const send = async (orders: readonly Sent[]): Promise<(BatchResult | Promise<BatchResult>)[]> => {
    const waiters = orders.map(({ orderId }) => (waitSeconds > 0 ? register(orderId) : null));
    const placed = await log.appendAll(orders.map(({ command }) => command));
    return orders.map((order, index) => {
      const [place, waiter = null] = [placed[index], waiters[index]];
      const { line, orderId } = order;
      if (place === undefined || "error" in place) {
        waiter?.release();
        return failed(line, place?.error, orderId);
      }
      if (waiter !== null) return decided(order, place, waiter).finally(() => waiter.release());
      return { line, orderId, status: "pending", partition: place.partition, offset: place.offset };
    });
  };

  /** By id, each product of these orders that there is, or why that can't be told. */
  const productsOf = async (read: readonly (Order | Refusal)[]): Promise<ReadonlyMap<string, Product | Problem>> => {
    const products = new Map<string, Product | Problem>();
    const askedFor = new Set<string>();
    for (const each of read) {
      if ("problem" in each || products.has(each.body.productId)) continue;
      const { productId } = each.body;
      const known = catalogue.known(productId);
      if (known === undefined) askedFor.add(productId);
      else products.set(productId, known);
    }
    const ask = async (productId: string): Promise<void> => {
      const found = await catalogue.find(productId).catch(problemOf);
      if (found !== null) products.set(productId, found);
    };
    await Promise.all(Array.from(askedFor, ask));
    return products;
  };

  return {
    take: async (lines) => {
      const read = lines.map(orderOf);
      const products = await productsOf(read);
      /** Results of lines that are not sent, and the others' places among those. */
      const act = (some: readonly (Order | Refusal)[]) => {
        const issuedAt = now();
        const orders: Sent[] = [];
        const results = some.map((each): BatchResult | number => {
          if ("problem" in each) return failed(each.line, each.problem);
          const { line, orderId, body } = each;
          const product = products.get(body.productId) ?? unknownProduct(body.productId);
          if (product instanceof Problem) return failed(line, product, orderId);
          return orders.push({ ...each, command: placeOrder(orderId, body, product, issuedAt) }) - 1;
        });
        const sent = send(orders);
        return { results: sent.then((told) => allOf(results.map((each) => toldOf(each, told)))) };
      };
      const only = onlyProductOf(read);
      const parts: Promise<readonly BatchResult[]>[] = [];
      for (let from = 0; from < read.length;) {
        const room = only === undefined ? read.length : await log.roomFor(only, read.length - from);
        const some = read.slice(from, from + room);
        from += some.length;
        const { results } = await log.whenRoom(some.length, () => act(some));
        if (some.length === read.length) return { results };
        results.catch(() => undefined); // Told below.
        parts.push(results);
      }
      return { results: Promise.all(parts).then((all) => all.flat()) };
    },
  };
}

/** The product of which all these orders are; undefined where there are several. */
function onlyProductOf(read: readonly (Order | Refusal)[]): string | undefined {
  let only: string | undefined;
  for (const each of read) {
    if ("problem" in each) continue;
    const { productId } = each.body;
    if (only !== undefined && only !== productId) return undefined;
    only = productId;
  }
  return only;
}

type Telling = readonly (BatchResult | Promise<BatchResult>)[];
const isTold = (results: Telling): results is readonly BatchResult[] =>
  results.every((result) => !(result instanceof Promise));

/** At once where nobody waits: a promise for each costs more than its order. */
const allOf = (results: Telling): readonly BatchResult[] | Promise<readonly BatchResult[]> =>
  isTold(results) ? results : Promise.all(results.map((each) => Promise.resolve(each)));

/** The result itself, or the one at its place. */
function toldOf<Told>(result: BatchResult | number, told: readonly Told[]): BatchResult | Told {
  if (typeof result !== "number") return result;
  const found = told[result];
  if (found === undefined) throw new RangeError(`there are ${told.length} results, and none at ${result}`);
  return found;
}

/** What a caller who waited is told, or that it is still pending. */
function resultOf(line: number, order: OrderDocument): BatchResult {
  const { orderId, status, partition, offset, stockAfter, version, reason, quantity } = order;
  const place = { line, orderId, status, partition, offset };
  if (status === "pending") return place;
  if (status === "accepted") return { ...place, stockAfter, version };
  const code = reason ?? "order_cancelled";
  return { ...place, stockAfter, version, code, detail: refusalDetail(code, quantity, stockAfter ?? 0) };
}

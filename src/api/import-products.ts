/**
 * Many products of one request: a line each, answered by a line each, in their order.
 *
 * I1 A line is the whole product: sent again, it is the same product, and whatever broke between catalogue and log is finished then.
 * I2 A product of which no stock is decided gets its first delivery through the log, under the id that follows from its own: it counts once.
 * I3 Of lines of one piece that name the same product, the last one is what it is in the end; each is answered for itself.
 */
import type { FastifyBaseLogger } from "fastify";
import type { NewProduct, PutProduct } from "../stores/catalogue-store.ts";
import { parseLine } from "./batch-orders.ts";
import { initialStockId } from "./command-ids.ts";
import type { TakeLines } from "./line-answers.ts";
import { newProduct } from "./new-product.ts";
import { problemOf } from "./plugins/error-answers.ts";
import { compileCheck } from "./plugins/validation.ts";
import { partProblem } from "./problems.ts";
import { ImportedProduct } from "./schemas/products.ts";
import type { ImportResult } from "./schemas/products.ts";
import type { ApiServices } from "./services.ts";

export type ImportOptions = { readonly isTrial: boolean; readonly logger: FastifyBaseLogger };

type Wanted = { readonly line: number; readonly product: NewProduct };
const checkLine = compileCheck(ImportedProduct, "body");

export function createProductImport(services: ApiServices, options: ImportOptions): TakeLines<ImportResult> {
  const { catalogue, log, now, products, told: changes } = services;
  const { isTrial, logger } = options;

  const failed = (line: number, error: unknown, id?: string): ImportResult => {
    const problem = problemOf(error);
    if (problem.code === "internal_error") logger.error({ err: error, line, id }, "a line of an import failed");
    return { line, ...(id !== undefined && { id }), status: "failed", ...partProblem(problem) };
  };
  const deliver = async ({ id, initialStock: quantity }: NewProduct): Promise<void> => {
    const delivery = { type: "ReceiveStock", productId: id, quantity, reference: null } as const;
    await log.append({ ...delivery, commandId: initialStockId(id), issuedAt: now() });
  };
  const putOne = async ({ line, product: { id } }: Wanted, put: PutProduct): Promise<ImportResult> => {
    const { kind, product, hasStock } = put;
    if (!isTrial) {
      catalogue.remember(product);
      if (!hasStock) await deliver(product); // I2
    }
    return { line, id, status: kind, revision: kind === "created" && isTrial ? null : product.revision };
  };
  const put = async (wanted: readonly Wanted[]): Promise<ImportResult[]> => {
    try {
      const told = await products.putAll(
        wanted.map(({ product }) => product),
        isTrial,
      );
      if (!isTrial) changes.products(told.flatMap(({ kind, product }) => (kind === "unchanged" ? [] : [product])));
      const flights = await log.whenRoom(wanted.length, () =>
        told.map((each, at) => {
          const own = wanted[at];
          if (own === undefined) throw new RangeError(`there are ${wanted.length} products, and none at ${at}`);
          return putOne(own, each).catch((error: unknown) => failed(own.line, error, own.product.id));
        }),
      );
      return await Promise.all(flights);
    } catch (error) {
      return wanted.map(({ line, product }) => failed(line, error, product.id));
    }
  };

  return async (lines) => {
    const results = new Map<number, ImportResult>();
    let wanted: Wanted[] = [];
    for (const input of lines) {
      const read = parseLine(input);
      const { number: line } = read;
      const checked = "problem" in read ? { error: read.problem } : checkLine(read.value);
      if ("error" in checked) results.set(line, failed(line, checked.error));
      else wanted.push({ line, product: newProduct(checked.value as ImportedProduct) }); // It was checked against this very schema.
    }
    while (wanted.length > 0) {
      const ids = new Set<string>();
      const [some, later] = [new Array<Wanted>(), new Array<Wanted>()];
      for (const each of wanted) {
        (ids.has(each.product.id) ? later : some).push(each); // I3
        ids.add(each.product.id);
      }
      for (const result of await put(some)) results.set(result.line, result);
      wanted = later;
    }
    const inOrder = lines.flatMap(({ number }) => results.get(number) ?? []);
    return { results: Promise.resolve(inOrder) };
  };
}

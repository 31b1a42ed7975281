/** POST and GET /catalogue: as many products as there are, streamed in and out. */
import { Readable } from "node:stream";
import { Type } from "typebox";
import { limits } from "../../limits.ts";
import type { CatalogueStore, ListingPosition, Product, ProductListing } from "../../stores/catalogue-store.ts";
import type { ApiServer } from "../api-server.ts";
import { createProductImport } from "../import-products.ts";
import { answerLines, sendNdjson } from "../line-answers.ts";
import { ndjson } from "../plugins/batch-body.ts";
import { Problem } from "../problems.ts";
import { headersOf } from "../schemas/answer.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import { ExportQuery, importedExample, ImportedProduct, ImportQuery, ImportResult } from "../schemas/products.ts";
import type { ApiServices } from "../services.ts";

const tags = ["products"];
const line = Type.Unknown({
  examples: [importedExample],
  description: "A product a line, as the answer of GET /catalogue has it, in UTF-8; gzip is understood",
});
const importSchema = {
  operationId: "importProducts",
  tags,
  summary: "Add or change many products",
  description:
    "A line for each product, whole: one that is not there is added, with its first delivery; one that differs is changed, whatever its revision, but for its " +
    "`initialStock`. A line of result for each, in the same order. A line that is refused spoils no other. Sent again, it is the same. " +
    "With `dryRun=true` nothing is written, and what would have been is told. gzip is understood.",
  querystring: ImportQuery,
  // What a line must be is checked line by line.
  body: {
    content: {
      [ndjson]: {
        schema: line,
      },
    },
  },
  response: {
    200: { description: "What became of each", headers: headersOf(), content: { [ndjson]: { schema: ImportResult } } },
    ...problemResponses(bodyProblems),
  },
};
const exportSchema = {
  operationId: "exportProducts",
  tags,
  summary: "All products, as they may be imported",
  description:
    "A line for each, in the order of their ids. Should PostgreSQL go away meanwhile, the answer breaks off without its end.",
  querystring: ExportQuery,
  response: {
    200: { description: "A line for each", headers: headersOf(), content: { [ndjson]: { schema: ImportedProduct } } },
    ...problemResponses(["invalid_request", "store_unavailable"]),
  },
};

export function catalogueRoutes(app: ApiServer, services: ApiServices): void {
  const { leaving, products } = services;
  const config = { streamsBody: true, admission: "batches" } as const;

  app.post("/catalogue", { schema: importSchema, config }, async (request, reply) => {
    const body: unknown = request.body;
    if (!(body instanceof Readable)) throw new Problem("invalid_request", `Send products as ${ndjson}.`);
    const take = createProductImport(services, { isTrial: request.query.dryRun ?? false, logger: request.log });
    const answers = answerLines({ body, take, leaving, socket: request.raw.socket });
    return sendNdjson(reply, answers);
  });

  app.get("/catalogue", { schema: exportSchema, config: { admission: "batches" } }, async (request, reply) => {
    const { category } = request.query;
    const pages = pagesOf(products, { sort: "id", ...(category !== undefined && { category }) });
    // The first one is read before the answer begins: a database that is away is a problem, and no empty list.
    const first = await pages.next();
    const lines = async function* (): AsyncGenerator<string, void> {
      if (first.done === true) return;
      yield linesOf(first.value);
      for await (const page of pages) yield linesOf(page);
    };
    return sendNdjson(reply, Readable.from(lines(), { objectMode: false }));
  });
}

async function* pagesOf(store: CatalogueStore, listing: ProductListing): AsyncGenerator<readonly Product[], void> {
  let after: ListingPosition | null = null;
  for (;;) {
    const page = await store.list(listing, after, limits.pageSizeMax);
    if (page.length > 0) yield page.map(({ product }) => product);
    const last = page.at(-1);
    if (page.length < limits.pageSizeMax || last === undefined) return;
    after = last.position;
  }
}

const linesOf = (products: readonly Product[]): string =>
  products
    .map(({ id, name, category, priceCents, currency, description, imageUrl, initialStock, lowStockAt }) =>
      JSON.stringify({ id, name, category, priceCents, currency, description, imageUrl, initialStock, lowStockAt }),
    )
    .map((line) => `${line}\n`)
    .join("");

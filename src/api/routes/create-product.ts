/**
 * POST /products: first the row in the catalogue, then the first delivery through the log (also one of zero units: it makes
 * the product known to the decider). Both follow from the product's id, so that sending it again finishes what broke in between.
 */
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import { contentOf } from "../../stores/catalogue-store.ts";
import type { NewProduct, Product as CatalogueProduct } from "../../stores/catalogue-store.ts";
import type { ApiServer } from "../api-server.ts";
import { submit } from "../command-answers.ts";
import { initialStockId } from "../command-ids.ts";
import { newProduct } from "../new-product.ts";
import { waitSecondsOf } from "../prefer.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import { PreferHeaders } from "../schemas/fields.ts";
import { appendProblems, bodyProblems, problemResponses } from "../schemas/problem.ts";
import { CreatedProduct, CreateProductBody } from "../schemas/products.ts";
import type { ApiServices } from "../services.ts";
import { noStock } from "../stock-reader.ts";
import { productView } from "./products.ts";

const schema = {
  operationId: "createProduct",
  tags: ["products"],
  summary: "Add a product, with its first delivery",
  description: "The same id with the same content again is the same product.",
  headers: PreferHeaders,
  body: CreateProductBody,
  response: {
    201: answer("Added", CreatedProduct, "Location", "Preference-Applied"),
    ...problemResponses(bodyProblems, appendProblems, [
      "product_exists",
      "store_unavailable",
      // A producer on Kafka may have filled the stock before, or used the first delivery's id.
      "stock_limit_exceeded",
      "idempotency_key_reused",
    ]),
  },
};

export function createProductRoute(app: ApiServer, services: ApiServices): void {
  const { catalogue, newCommandId, now, products, readStock, told } = services;

  app.post("/products", { schema }, async (request, reply) => {
    const wanted = newProduct({ ...request.body, id: request.body.id ?? newCommandId() });
    const { id: productId, initialStock } = wanted;
    const { product, created } = await products.create(wanted);
    if (!isSame(product, wanted)) {
      throw new Problem("product_exists", `${productId} is a product with other content.`, { members: { productId } });
    }
    catalogue.remember(product);
    if (created) told.products([product]);

    const seconds = waitSecondsOf(request.headers.prefer);
    const commandId = initialStockId(productId);
    const delivery = { type: "ReceiveStock", commandId, productId, quantity: initialStock, reference: null } as const;
    const { receipt, waited } = await submit(services, { ...delivery, issuedAt: now() }, seconds, () =>
      services.admission.leave(request),
    ).catch((error: unknown) => {
      throw error instanceof Problem ? withProduct(error, productId) : error;
    });
    if (waited) reply.header("preference-applied", `wait=${seconds}`);
    // Of a product that was there before, the stock may be anything by now; it is worth a look, but not a failure.
    const stock = created && receipt.status === "pending" ? noStock : await readStock(productId).catch(noStockIfAway);
    const isDecided = receipt.status === "accepted" || stock.version > 0;
    const shown = stock.version > 0 ? stock : { quantity: receipt.stockAfter ?? 0, version: receipt.version ?? 0 };
    return reply
      .code(201)
      .header("location", `/products/${productId}`)
      .send({
        ...productView(product, shown),
        initialStock: { commandId, quantity: initialStock, status: isDecided ? "accepted" : "pending" },
      });
  });
}

function isSame(one: CatalogueProduct, other: NewProduct): boolean {
  const { id, initialStock } = other;
  return Object.entries({ id, initialStock, ...contentOf(other) }).every(
    ([field, value]) => Reflect.get(one, field) === value,
  );
}

/** The product is in the catalogue by now: the same request again appends its delivery. */
function withProduct(problem: Problem, productId: string): Problem {
  const { code, headers, members } = problem;
  const detail = `${problem.message} The product's id is ${productId}.`;
  return new Problem(code, detail, { headers, members: { ...members, productId }, cause: problem.cause });
}

function noStockIfAway(error: unknown) {
  if (error instanceof StoreUnavailable) return noStock;
  throw error;
}

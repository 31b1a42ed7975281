/** PATCH /products/{id}: what a product is, of the revision that the caller has seen. Its stock is the log's, and no part of this. */
import type { ApiServer } from "../api-server.ts";
import { productTag, readRevisions } from "../entity-tags.ts";
import { Problem } from "../problems.ts";
import { answer } from "../schemas/answer.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import { ChangeProductBody, IfMatchHeaders, Product, ProductParams } from "../schemas/products.ts";
import type { ApiServices } from "../services.ts";
import { productView } from "./products.ts";
import { unknownProduct } from "./stock-commands.ts";

const schema = {
  operationId: "changeProduct",
  tags: ["products"],
  summary: "Change what a product is",
  description:
    "Members that are absent stay as they are. The same change again, after an answer that was lost, is the same change.",
  params: ProductParams,
  headers: IfMatchHeaders,
  body: ChangeProductBody,
  response: {
    200: answer("Changed", Product, "ETag", "Cache-Control"),
    ...problemResponses(bodyProblems, [
      "unknown_product",
      "revision_conflict",
      "revision_required",
      "store_unavailable",
    ]),
  },
};

export function changeProductRoute(app: ApiServer, { catalogue, products, readStock, told }: ApiServices): void {
  app.patch("/products/:id", { schema }, async (request, reply) => {
    const productId = request.params.id;
    const revisions = wantedRevisions(request.headers["if-match"], productId);
    const changed = await products.change(productId, request.body, revisions);
    if (changed.kind === "unknown") throw unknownProduct(productId);
    const { product } = changed;
    catalogue.remember(product);
    if (changed.kind === "conflict") {
      const detail = `${productId} has revision ${product.revision}. Read it, and change that.`;
      throw new Problem("revision_conflict", detail, { members: { productId, revision: product.revision } });
    }
    told.products([product]);
    const stock = await readStock(productId);
    const view = productView(product, stock);
    return reply.header("etag", productTag(view)).header("cache-control", "no-cache").send(view);
  });
}

function wantedRevisions(header: string | undefined, productId: string): number[] | null {
  if (header === undefined) {
    const detail = "Send If-Match with the ETag of the product as it was read.";
    throw new Problem("revision_required", detail, { members: { productId } });
  }
  const revisions = readRevisions(header);
  if (revisions !== undefined) return revisions;
  const errors = [{ in: "headers", field: "/if-match", message: "must be entity tags, or *" }];
  throw new Problem("invalid_request", "If-Match is no list of entity tags.", { members: { errors } });
}

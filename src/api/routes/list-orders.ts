import { limits } from "../../limits.ts";
import { decidedOrder } from "../../schemas/order-document.ts";
import type { OrderFilter, Page } from "../../stores/order-reads.ts";
import type { ApiServer } from "../api-server.ts";
import { logCursor, readLogCursor, readTimeCursor, timeCursor } from "../cursors.ts";
import { Problem } from "../problems.ts";
import { answer as answerOf } from "../schemas/answer.ts";
import { ListOrdersQuery, OrderPage } from "../schemas/orders.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const schema = {
  operationId: "listOrders",
  tags: ["orders"],
  summary: "List decided orders, newest first",
  description:
    "By `customerId` or `basketId`, narrowed by any of the others; or by `productId` alone, or by `status` alone. " +
    "Pending orders are not listed: they have no place in the order of decisions yet.",
  querystring: ListOrdersQuery,
  response: {
    200: answerOf("One page", OrderPage),
    ...problemResponses(["invalid_request", "invalid_cursor", "store_unavailable"]),
  },
};

export function listOrdersRoute(app: ApiServer, { orders, tracking }: ApiServices): void {
  app.get("/orders", { schema }, async ({ query }) => {
    const page = await answer(orders, query);
    return { ...page, orders: await Promise.all(page.orders.map((order) => tracking.told(order))) };
  });
}

async function answer(orders: ApiServices["orders"], query: ListOrdersQuery) {
  const { cursor, limit = limits.pageSizeDefault, ...listed } = query;
  const { status } = listed;
  const filter = filterOf(query);
  if (filter !== null) {
    const after = cursor === undefined ? null : readTimeCursor(cursor, listed);
    return pageOf(await orders.list(filter, after, limit), (position) => timeCursor(position, listed));
  }
  if (status === undefined) {
    throw new Problem("invalid_request", "Name a customerId, a basketId, a productId or a status.");
  }
  const after = cursor === undefined ? null : readLogCursor(cursor, listed);
  return pageOf(await orders.listByStatus(status, after, limit), (position) => logCursor(position, listed));
}

/** Null: by status alone. What has no index of its own is refused rather than slow. */
function filterOf({ customerId, basketId, productId, status }: ListOrdersQuery): OrderFilter | null {
  const also = { basketId: basketId ?? null, productId: productId ?? null, status: status ?? null };
  if (customerId !== undefined) return { by: "customer", customerId, also };
  if (basketId !== undefined) return { by: "basket", basketId, also };
  if (productId === undefined) return null;
  if (status === undefined) return { by: "product", productId };
  throw new Problem("invalid_request", "productId and status can't be combined without a customerId or basketId.");
}

const pageOf = <Position>(page: Page<Position>, cursorOf: (position: Position) => string) => ({
  orders: page.lines.map((line) => decidedOrder(line, line.decidedAt)),
  next: page.next === null ? null : cursorOf(page.next),
});

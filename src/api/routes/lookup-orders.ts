import { limits } from "../../limits.ts";
import type { ApiServer } from "../api-server.ts";
import { normalId } from "../command-ids.ts";
import type { Found } from "../order-finder.ts";
import { answer } from "../schemas/answer.ts";
import { LookupAnswer, LookupBody } from "../schemas/orders.ts";
import { bodyProblems, problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";
import { staleHeader } from "../stale-header.ts";

const schema = {
  operationId: "lookUpOrders",
  tags: ["orders"],
  summary: "Read many orders by id",
  body: LookupBody,
  response: {
    200: answer("What is known of each", LookupAnswer, "X-Tallyman-Stale"),
    ...problemResponses(bodyProblems, ["store_unavailable", "log_unavailable"]),
  },
};

/** An id that is asked for twice is answered once. */
export function lookupOrdersRoute(app: ApiServer, { finder, tracking, isStoreAway }: ApiServices): void {
  app.post("/orders/lookup", { schema, bodyLimit: limits.httpBodyBytesMax }, async (request, reply) => {
    const ids = [...new Set(request.body.ids.map(normalId))];
    const found = await Promise.all(ids.map((id) => finder.find(id)));
    const idsThatAre = (kind: Found["kind"]) => ids.filter((_, index) => found[index]?.kind === kind);
    if (isStoreAway()) reply.header(staleHeader, "1");
    const orders = found.flatMap((each) => (each.kind === "known" ? [tracking.told(each.order)] : []));
    return {
      orders: await Promise.all(orders),
      unknown: idsThatAre("unknown"),
      undecided: idsThatAre("undecided"),
    };
  });
}

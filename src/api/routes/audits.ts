/** What the audits found that workers do each night (docs/audit.md). */
import { limits } from "../../limits.ts";
import type { ApiServer } from "../api-server.ts";
import { numberCursor, readNumberCursor } from "../cursors.ts";
import { answer } from "../schemas/answer.ts";
import { AuditPage, ListAuditsQuery } from "../schemas/audits.ts";
import { problemResponses } from "../schemas/problem.ts";
import type { ApiServices } from "../services.ts";

const schema = {
  operationId: "listAudits",
  tags: ["audits"],
  summary: "List what the audits of the background found, newest first",
  querystring: ListAuditsQuery,
  response: {
    200: answer("One page", AuditPage, "Cache-Control"),
    ...problemResponses(["invalid_request", "invalid_cursor", "store_unavailable"]),
  },
};

export function listAuditsRoute(app: ApiServer, { audits: results }: ApiServices): void {
  app.get("/audits", { schema }, async ({ query: { cursor, limit = limits.pageSizeDefault } }, reply) => {
    const before = cursor === undefined ? null : readNumberCursor(cursor, {});
    const found = await results.list(before, limit + 1);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const next = found.length > limit && last !== undefined ? numberCursor(last.id, {}) : null;
    const audits = shown.map(({ startedAt, endedAt, ...audit }) => ({
      ...audit,
      startedAt: new Date(startedAt).toISOString(),
      endedAt: new Date(endedAt).toISOString(),
    }));
    return reply.header("cache-control", "no-store").send({ audits, next });
  });
}

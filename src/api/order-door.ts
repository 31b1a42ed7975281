/**
 * Where too many requests are under way, a single order is refused before Fastify has looked at it: routing, hooks and a reply of its own cost
 * more than Node takes for the whole refusal. What is said is what `plugins/admission.ts` says, which decides about everything else, and
 * about orders that are unusual in any way.
 *
 * I1 The body, of which nothing was read, is small, so that Node reads past it and the connection is kept: a new one costs more.
 * I2 The answer is counted as any other is.
 */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { Door } from "./http-server.ts";
import type { Admission } from "./plugins/admission.ts";
import { overloadedDetail } from "./plugins/admission.ts";
import { problemBody, problems, retrySoon } from "./problems.ts";

const [method, route] = ["POST", "/orders"];
const { status } = problems.overloaded;

export type OrderDoorOptions = {
  readonly admission: Pick<Admission, "hasRoom">;
  readonly metrics: Pick<Metrics, "httpRequests" | "httpSeconds">;
  /** Notes a refusal. */
  readonly refused: () => void;
};

export function createOrderDoor({ admission, metrics, refused }: OrderDoorOptions): Door {
  const count = metrics.httpRequests.labels(method, route, String(status));
  const seconds = metrics.httpSeconds.labels(method, route);
  return (request, response, requestId) => {
    if (request.url !== route || request.method !== method || admission.hasRoom() || !hasSmallBody(request))
      return false;
    const from = performance.now();
    const id = requestId();
    const body = overloadedBody(id);
    response.writeHead(status, [
      "x-request-id",
      id,
      "retry-after",
      retrySoon["retry-after"],
      "content-type",
      "application/problem+json; charset=utf-8",
      "content-length",
      String(body.length),
    ]);
    response.end(body, "latin1");
    refused();
    count.inc();
    seconds.observe((performance.now() - from) / 1000);
    return true;
  };
}

/** It says how long it is, and is no longer than an order may be (I1). */
function hasSmallBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return length !== undefined && Number(length) <= limits.commandBodyBytesMax;
}

const placeOfId = "REQUEST-ID";
const [before, after] = JSON.stringify(problemBody("overloaded", overloadedDetail, placeOfId)).split(placeOfId);
assert(before !== undefined && after !== undefined && /^[ -~]*$/.test(before + after), "a character is a byte");

/** Request ids need no escaping: `createRequestIds` lets only plain ones in. */
const overloadedBody = (requestId: string): string => before + requestId + after;

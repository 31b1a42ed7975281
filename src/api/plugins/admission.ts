/**
 * More requests than can be served are refused at the door, before their body is read: an answer costs a fraction of an order then,
 * and those that were let in are answered in time. Without it, what everybody waits for is the queue in the sockets.
 *
 * How many can be served is found out: while most requests take longer than they may, fewer are let in, and while they don't, more.
 *
 * Who owns what: the admission owns the requests that are under way. A request leaves once: set aside by its route, answered or broken off.
 *
 * I1 At most `requestsMax` are worked on, and `requestsMin` may always be; those that only wait for a decision are not counted, for they
 *    have a bound of their own.
 * I2 At most `batchesMax` batches are under way: each has a piece of its body and its results in memory.
 * I3 Health and metrics are always answered.
 */
import type { FastifyBaseLogger } from "fastify";
import fastifyPlugin from "fastify-plugin";
import type { Clock } from "../../clock.ts";
import { limits } from "../../limits.ts";
import type { Metrics } from "../../ops/metrics.ts";
import { retrySoon } from "../problems.ts";
import { sendProblem } from "./error-answers.ts";

declare module "fastify" {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- Fastify's own, to be added to.
  interface FastifyContextConfig {
    /** What bounds the route's requests; `requests` where nothing is said. */
    admission?: "requests" | "batches" | "free";
  }
}

export type AdmissionBounds = {
  readonly requestsMin: number;
  readonly requestsMax: number;
  readonly batchesMax: number;
  /** What a request may take, in milliseconds, where the log is no slower by itself. */
  readonly requestMsMax: number;
};

export type AdmissionDeps = {
  readonly bounds: AdmissionBounds;
  readonly clock: Pick<Clock, "monotonic">;
  readonly metrics: Pick<Metrics, "requestsAtOnce">;
  /** Milliseconds that the log took lately for an append. */
  readonly appendMs: () => number;
};

export type Admission = {
  /** Whether one more request, which is no batch, would be let in. */
  readonly hasRoom: () => boolean;
  /** Whether there was room for the request, which is counted then until it leaves. */
  readonly admit: (request: object, as: "requests" | "batches") => boolean;
  /** It is answered, broken off, or only waits from now on. */
  readonly leave: (request: object) => void;
};

/** How often the bound is set anew, in milliseconds, and by which factors. */
const [lookMs, fewer, more] = [100, 0.9, 1.1];
/** Waiting for less than so many appends is nobody's queue: a request waits for the one under way and then for its own. */
const appendsWaited = 3;

export function createAdmission({ bounds, clock, metrics, appendMs }: AdmissionDeps): Admission {
  const { requestsMin, requestsMax, batchesMax, requestMsMax } = bounds;
  /** By request, when it was let in. */
  const requests = new Map<object, number>();
  const batches = new Set<object>();
  let atOnce = requestsMax;
  let look = { at: clock.monotonic(), inTime: 0, late: 0 };
  metrics.requestsAtOnce.set(atOnce);

  const adapt = (time: number, isLate: boolean): void => {
    const looks = Math.floor((time - look.at) / lookMs);
    if (isLate) atOnce = Math.max(requestsMin, Math.floor(atOnce * fewer));
    else atOnce = Math.min(requestsMax, Math.ceil(atOnce * more ** looks)); // Also for the time in which nobody came.
    metrics.requestsAtOnce.set(atOnce);
    look = { at: time, inTime: 0, late: 0 };
  };

  const hasRoom = (): boolean => requests.size < atOnce;
  return {
    hasRoom,
    admit: (request, as) => {
      if (as === "batches") return batches.size < batchesMax && batches.add(request).size > 0;
      if (!hasRoom()) return false;
      const time = clock.monotonic();
      // Nobody waits for anything, whatever was late before.
      if (requests.size === 0 && time - look.at >= lookMs) adapt(time, false);
      requests.set(request, time);
      return true;
    },
    leave: (request) => {
      const since = requests.get(request);
      if (since === undefined) {
        batches.delete(request);
        return;
      }
      requests.delete(request);
      const time = clock.monotonic();
      if (time - since > Math.max(requestMsMax, appendsWaited * appendMs())) look.late += 1;
      else look.inTime += 1;
      if (time - look.at >= lookMs) adapt(time, look.late > look.inTime);
    },
  };
}

export type AdmissionOptions = {
  readonly admission: Admission;
  /** Notes a refusal. */
  readonly refused: () => void;
};

export const overloadedDetail =
  "More requests are under way than can be served. Nothing was read of this one; try again.";

export const admissionAtTheDoor = fastifyPlugin<AdmissionOptions>((app, { admission, refused }, done) => {
  app.addHook("onRequest", (request, reply, next) => {
    const as = request.routeOptions.config.admission ?? "requests";
    if (as === "free" || admission.admit(request, as)) {
      next();
      return;
    }
    refused();
    reply.headers(retrySoon);
    sendProblem(reply, "overloaded", overloadedDetail);
  });
  app.addHook("onResponse", (request, _reply, next) => {
    admission.leave(request);
    next();
  });
  app.addHook("onRequestAbort", (request, next) => {
    admission.leave(request);
    next();
  });
  done();
});

/** Counts refusals, and tells of them; a line for each would cost more than the refusal. */
export function createRefusalNotes(
  log: Pick<FastifyBaseLogger, "warn">,
  metrics: Pick<Metrics, "requestsRefused">,
): () => void {
  let toldAt = -Infinity;
  let untold = 0;
  return () => {
    metrics.requestsRefused.inc();
    untold += 1;
    const time = performance.now();
    if (time - toldAt < limits.overloadToldMs) return;
    log.warn({ refused: untold }, "more requests come than can be served; they are told to come again");
    toldAt = time;
    untold = 0;
  };
}

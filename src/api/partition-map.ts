/**
 * Where this ingress sends commands, and which of them it may acknowledge, while partitions may grow (P19,
 * docs/decisions/051-partitions-grow.md): the belief, the commands held, and the looks that the belief lives from.
 *
 * Who owns what: this object owns all three, the acknowledgements in doubt, and one timer.
 *
 * I1 One look at the store is in flight, and one at the log. The store is asked a few times a second, whether there is anything to do or not.
 * I2 The log is asked when the store does not answer, and no more than twice in a lease. It renews the belief only where nothing is held by
 *    it, and every broker says that there are exactly as many partitions as the map has: products are held only once every
 *    broker has said more.
 * I3 What waits for a look is looked after when one has answered, in the same turn.
 */
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { growthPhaseNumber } from "../growth/growth-text.ts";
import { limits } from "../limits.ts";
import type { LogAdmin } from "../log/log-admin.ts";
import { LogUnavailable } from "../log/log.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { PartitionMap, PartitionMapStore } from "../stores/partition-map-store.ts";
import { createHeldCommands } from "./held-commands.ts";
import { createMapBelief, expectedPartition, isFree, partitionIn } from "./map-belief.ts";
import type { Moment } from "./map-belief.ts";

/** Not sent: the product moves; where it is can't be told now; or too many wait for that already. */
export class NotRouted extends Error {
  override readonly name = "NotRouted";
  readonly because: "moving" | "unknown" | "full";
  constructor(because: NotRouted["because"]) {
    super(`not routed: ${because}`);
    this.because = because;
  }
}

export type IngressMap = {
  /** The map as it was last seen. */
  map(): PartitionMap;
  /** Where the product's next command will go, as far as that is known: for what is told of it before. */
  expectedPartition(productId: string): number;
  /** Where the product's command may be sent in this turn; undefined: it has to be held. */
  partitionNow(productId: string): number | undefined;
  /** Whether a command of the product could be sent or held now. */
  hasRoom(productId: string): boolean;
  /** Calls `send` as soon as the product's partition is known and free. Rejects as `send` does, and with `NotRouted`. */
  hold<Place>(productId: string, send: (partition: number) => Promise<Place>): Promise<Place>;
  /** Whether a command that the log has in this partition may be acknowledged now. */
  isSure(productId: string, partition: number): boolean;
  /** As `isSure`, after another look. Rejects with `LogUnavailable` when it may not, or nobody knows before `deadline`. */
  confirm(productId: string, partition: number, deadline: number): Promise<void>;
  /** Whoever is held is refused, now and from now on. */
  leave(): void;
  /** Ends the looks. */
  close(): void;
};

export type IngressMapOptions = {
  /** As it was at the start; it is looked at again before anything is sent. */
  readonly map: PartitionMap;
  readonly maps: Pick<PartitionMapStore, "read">;
  readonly logAdmin: Pick<LogAdmin, "partitionCounts">;
  readonly metrics: Pick<Metrics, "heldCommands" | "mapVersion" | "growthPhase">;
  readonly clock?: Clock;
};

type Look = { readonly began: number; isOpen: boolean };
type Doubt = { readonly productId: string; readonly partition: number; readonly settle: (isSure: boolean) => void };

export function createIngressMap(options: IngressMapOptions): IngressMap {
  const { maps, logAdmin, metrics, clock = systemClock } = options;
  const belief = createMapBelief(options.map, clock, limits);
  const held = createHeldCommands({ clock, metrics, bounds: limits });
  const doubts = new Set<Doubt>();
  /** Some are held for want of a belief, be it in a map that lets them go: the next look that is believed releases them. */
  let waitsForBelief = false;
  let storeLook: Look | undefined;
  let storeFailed = false;
  let logLook: Look | undefined;
  let leaving = false;
  let closed = false;
  let cancelTick: (() => void) | undefined;

  const moment = (): Moment => ({ monotonic: clock.monotonic(), wall: clock.now() });
  const tellMetrics = (): void => {
    metrics.mapVersion.set(belief.map().version);
    metrics.growthPhase.set(growthPhaseNumber(belief.map()));
  };
  /** I3 */
  const settle = (isNews: boolean): void => {
    const isBelieved = belief.isBelieved();
    for (const doubt of [...doubts]) {
      const isSure = belief.isSure(doubt.productId, doubt.partition);
      if (isSure || isBelieved) doubt.settle(isSure);
    }
    waitsForBelief ||= isNews; // News that came too late to be believed are no news to the next look.
    if (!isBelieved || !waitsForBelief) return;
    waitsForBelief = false;
    held.release((productId) => belief.partitionNow(productId));
  };

  const lookAtStore = async (): Promise<void> => {
    const began = moment();
    const look = { began: began.monotonic, isOpen: true };
    storeLook = look;
    const found = await maps.read().catch(() => null);
    look.isOpen = false;
    if (closed) return;
    storeFailed = found === null;
    if (found === null) {
      void lookAtLog();
      return;
    }
    const isNews = belief.saw(found, began);
    if (isNews) arm();
    tellMetrics();
    settle(isNews);
  };
  /** I2 */
  const lookAtLog = async (): Promise<void> => {
    const { version, partitionCount } = belief.map();
    if (closed || !isFree(belief.map()) || logLook?.isOpen === true) return;
    const began = moment();
    if (logLook !== undefined && began.monotonic - logLook.began < limits.mapLogLookMs) return;
    const look = { began: began.monotonic, isOpen: true };
    logLook = look;
    const counts = await logAdmin.partitionCounts().catch(() => []);
    look.isOpen = false;
    const isSame = counts.length > 0 && counts.every((count) => count === partitionCount);
    if (!isSame || belief.map().version !== version) return;
    belief.renew(began);
    settle(false);
  };
  /** I1 */
  const look = (): void => {
    const sinceMs = storeLook === undefined ? Infinity : clock.monotonic() - storeLook.began;
    if (storeLook?.isOpen !== true && sinceMs >= limits.mapLookHoldingMs) void lookAtStore();
    else if (storeLook?.isOpen === true && sinceMs >= limits.mapLookDeadlineMs) void lookAtLog();
  };
  const tick = (): void => {
    look();
    arm();
  };
  const arm = (): void => {
    cancelTick?.();
    const often = !isFree(belief.map()) && !storeFailed;
    cancelTick = clock.after(often ? limits.mapLookHoldingMs : limits.mapLookMs, tick);
  };

  const partitionNow = (productId: string): number | undefined => {
    const partition = belief.partitionNow(productId);
    if (partition === undefined && !belief.isBelieved()) look();
    return partition;
  };
  const whyHeld = (productId: string): "moving" | "unknown" =>
    partitionIn(belief.map(), productId) === undefined ? "moving" : "unknown";

  tellMetrics();
  tick();
  return {
    map: () => belief.map(),
    expectedPartition: (productId) => expectedPartition(belief.map(), productId),
    partitionNow,
    hasRoom: (productId) => (!leaving && !held.isFull()) || partitionNow(productId) !== undefined,
    hold: (productId, send) =>
      new Promise((resolve, reject) => {
        if (leaving || held.isFull()) {
          reject(new NotRouted(whyHeld(productId) === "moving" ? "moving" : "full"));
          return;
        }
        waitsForBelief ||= !belief.isBelieved();
        held.add({
          productId,
          send: (partition) => void send(partition).then(resolve, reject),
          refuse: () => reject(new NotRouted(whyHeld(productId))),
        });
      }),
    isSure: (productId, partition) => belief.isSure(productId, partition),
    confirm: (productId, partition, deadline) =>
      new Promise((resolve, reject) => {
        const settleDoubt = (isSure: boolean): void => {
          doubts.delete(doubt);
          cancel();
          if (isSure) resolve();
          else reject(new LogUnavailable("acknowledged in a partition that may not be the product's any more"));
        };
        const doubt = { productId, partition, settle: settleDoubt };
        const cancel = clock.after(Math.max(1, deadline - clock.monotonic()), () => settleDoubt(false));
        doubts.add(doubt);
        look();
      }),
    leave: () => {
      leaving = true;
      held.refuseAll();
    },
    close: () => {
      closed = true;
      cancelTick?.();
      held.refuseAll();
    },
  };
}

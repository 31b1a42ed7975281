/** Where orders are on their way, put together from the memory's steps and drivers. */
import type { FulfilmentStore } from "../fulfilment-store.ts";
import type { TrackingStore } from "../tracking-store.ts";
import type { MemoryDriverStore } from "./driver-store.ts";

export function createMemoryTrackingStore(
  fulfilments: Pick<FulfilmentStore, "steps">,
  drivers: Pick<MemoryDriverStore, "standingOf" | "changesOf">,
): TrackingStore {
  return {
    tracking: async (orderIds) => {
      const steps = await fulfilments.steps(orderIds);
      return orderIds.map((orderId, index) => {
        const done = steps[index] ?? [];
        return {
          revision: done.filter(({ step }) => step !== "packed").length + drivers.changesOf(orderId),
          fulfilment: done.at(-1)?.step ?? null,
          driver: drivers.standingOf(orderId),
        };
      });
    },
  };
}

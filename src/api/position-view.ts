import type { KnownPosition } from "../stores/driver-positions.ts";

/** As answers have it. */
export function positionView({ latitude, longitude, observedAt, ageMs }: Omit<KnownPosition, "driverId" | "sequence">) {
  return { latitude, longitude, observedAt: new Date(observedAt).toISOString(), ageMs };
}

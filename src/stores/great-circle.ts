import type { Place } from "./driver-positions.ts";

/** Of the sphere that Redis measures on. */
const earthRadiusMeters = 6_372_797.560856;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** The great circle between two places, by the haversine formula. */
export function metersBetween(one: Place, other: Place): number {
  const north = Math.sin(radians(other.latitude - one.latitude) / 2);
  const east = Math.sin(radians(other.longitude - one.longitude) / 2);
  const chord = north ** 2 + Math.cos(radians(one.latitude)) * Math.cos(radians(other.latitude)) * east ** 2;
  return 2 * earthRadiusMeters * Math.asin(Math.sqrt(Math.min(1, chord)));
}

/** A town of straight streets, a little turned against the compass: drivers follow them, and don't fly. */
import type { Randomness } from "./randomness.ts";

export type Place = { readonly latitude: number; readonly longitude: number };

const blockMetres = 110;
const turn = (24 * Math.PI) / 180;
const metresPerDegree = 111_320;

type Metres = { readonly x: number; readonly y: number };

/** The way along the streets, with both ends; of several that are as long, any. */
export function route(from: Place, to: Place, random: Randomness): Place[] {
  const [start, end] = [inStreets(from, to), { x: 0, y: 0 }];
  const points: Metres[] = [start];
  let [across, along] = [blocks(start.x), blocks(start.y)];
  let isAcross = random.chance(0.5);
  while (across !== 0 || along !== 0) {
    const left = isAcross ? across : along;
    if (left !== 0) {
      const steps = Math.sign(left) * random.integer(1, Math.abs(left));
      if (isAcross) across -= steps;
      else along -= steps;
      points.push({ x: across * blockMetres, y: along * blockMetres });
    }
    isAcross = !isAcross;
  }
  points.push(end);
  return [from, ...points.slice(1, -1).map((point) => onEarth(point, to)), to];
}

const blocks = (metres: number): number => Math.trunc(metres / blockMetres);

export function metresBetween(one: Place, other: Place): number {
  const { x, y } = inStreets(one, other);
  return Math.hypot(x, y);
}

/** Seen from `origin`, along the streets' two directions. */
function inStreets({ latitude, longitude }: Place, origin: Place): Metres {
  const north = (latitude - origin.latitude) * metresPerDegree;
  const east = (longitude - origin.longitude) * metresPerDegree * Math.cos((origin.latitude * Math.PI) / 180);
  return { x: east * Math.cos(turn) + north * Math.sin(turn), y: north * Math.cos(turn) - east * Math.sin(turn) };
}

function onEarth({ x, y }: Metres, origin: Place): Place {
  const [east, north] = [x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)];
  return {
    latitude: origin.latitude + north / metresPerDegree,
    longitude: origin.longitude + east / (metresPerDegree * Math.cos((origin.latitude * Math.PI) / 180)),
  };
}

/** Where somebody is who has gone so many metres; null: at the end of the way. */
export function placeAt(way: readonly Place[], metres: number): Place | null {
  let left = metres;
  for (const [index, from] of way.entries()) {
    const to = way[index + 1];
    if (to === undefined) return null;
    const length = metresBetween(from, to);
    if (left < length) {
      const share = left / length;
      return {
        latitude: from.latitude + (to.latitude - from.latitude) * share,
        longitude: from.longitude + (to.longitude - from.longitude) * share,
      };
    }
    left -= length;
  }
  return null;
}

/**
 * The drivers: where each is, and on which way. All of them say so once a second, in one request.
 *
 * I1 A driver is on one way at a time; who sends one on another way has heard that the last one is over.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "./calls.ts";
import type { Randomness } from "./randomness.ts";
import { type Place, placeAt, route } from "./streets.ts";
import { town } from "./town.ts";

type Driver = {
  readonly id: string;
  at: Place;
  way: readonly Place[];
  gone: number;
  arrived: (() => void) | null;
};

export type Drivers = {
  /** Registers all, on duty, and resolves with the orders that an earlier demo left with them, by driver. */
  begin(): Promise<Map<string, string>>;
  /** Moves them until the demo ends. */
  run(): Promise<void>;
  /** Resolves when the driver is there. */
  drive(driverId: string, to: Place): Promise<void>;
  isOurs(driverId: string): boolean;
};

const names = (
  "Maya Jonas Aisha Tomás Greta Luca Nadia Felix Ines Oskar Yara Emil Sofia Malik Clara Bruno Leila Anton Rosa David " +
  "Hanna Karim Elsa Piotr Mina Hugo Zoe Samir Lena Viktor Amara Noah Ida Rafael Selma Theo Juna Marek Olga Finn"
).split(" ");
const metresASecond = 16;
const everyMs = 1_000;
const strollChance = 0.03;

export type DriversOptions = {
  readonly ask: Ask;
  readonly random: Randomness;
  readonly count: number;
  /** How much faster than a clock all goes. */
  readonly pace: number;
  readonly signal: AbortSignal;
};

export function createDrivers({ ask, random, count, pace, signal }: DriversOptions): Drivers {
  const near = (): Place => {
    const { latitude, longitude } = random.pick(town.places);
    return { latitude: latitude + random.between(-0.003, 0.003), longitude: longitude + random.between(-0.004, 0.004) };
  };
  const drivers = new Map<string, Driver>(
    Array.from({ length: count }, (_, index) => {
      const id = `demo-driver-${index + 1}`;
      return [id, { id, at: near(), way: [], gone: 0, arrived: null }];
    }),
  );

  const move = (driver: Driver, metres: number): void => {
    if (driver.way.length === 0) {
      if (random.chance(strollChance)) driver.way = route(driver.at, near(), random);
      return;
    }
    driver.gone += metres;
    const place = placeAt(driver.way, driver.gone);
    driver.at = place ?? driver.way.at(-1) ?? driver.at;
    if (place !== null) return;
    Object.assign(driver, { way: [], gone: 0 });
    driver.arrived?.();
    driver.arrived = null;
  };

  const tell = async (): Promise<void> => {
    const all = [...drivers.values()];
    // As many in one request as the API takes.
    for (let from = 0; from < all.length; from += 500) {
      const locations = all.slice(from, from + 500).map(({ id, at }) => ({
        ...{ driverId: id, latitude: at.latitude, longitude: at.longitude },
        ...{ observedAt: new Date().toISOString(), sequence: Date.now() },
      }));
      await ask("POST", "/drivers/locations", { body: { locations } });
    }
  };

  return {
    async begin() {
      const left = new Map<string, string>();
      for (const [index, { id }] of [...drivers.values()].entries()) {
        await ask("POST", "/drivers", { body: { id, name: names[index % names.length] } });
        const { body } = await ask("PUT", `/drivers/${id}/duty`, { body: { onDuty: true } });
        if (typeof body.orderId === "string") left.set(id, body.orderId);
      }
      await tell();
      return left;
    },
    async run() {
      let before = performance.now();
      for (;;) {
        await sleep(everyMs / Math.min(pace, 4), undefined, { signal });
        const now = performance.now();
        for (const driver of drivers.values()) move(driver, ((now - before) / 1_000) * metresASecond * pace);
        before = now;
        await tell();
      }
    },
    drive: (driverId, to) =>
      new Promise((resolve, reject) => {
        const driver = drivers.get(driverId);
        if (driver === undefined) throw new Error(`${driverId} does not drive for the demo`);
        const leave = (): void => reject(signal.reason as Error);
        const arrived = (): void => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        Object.assign(driver, { way: route(driver.at, to, random), gone: 0, arrived }); // I1
        signal.addEventListener("abort", leave, { once: true });
      }),
    isOurs: (driverId) => drivers.has(driverId),
  };
}

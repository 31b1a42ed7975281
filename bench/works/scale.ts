/** How large each work is. */
export type Scale = {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly repetitions: number;
  readonly products: number;
  /** What one delivery brings; more than a measurement sells. */
  readonly units: number;
  readonly connections: readonly number[];
  readonly batchConnections: number;
  readonly batchLines: number;
  readonly drainOrders: number;
  readonly resentDrainOrders: number;
  readonly manyProducts: number;
  readonly takeOverRecords: readonly number[];
  readonly overloadConnections: number;
  /** Of the neighbours of a product that is flooded: how many there are, their orders in all, and how long the flood goes on before that counts. */
  readonly neighbours: number;
  readonly neighbourOrdersPerSecond: number;
  readonly floodLeadSeconds: number;
  /** Too small for its rates to mean anything: nothing is said of them. */
  readonly isSmoke: boolean;
};

type Chosen = {
  readonly seconds: number;
  readonly "warm-up": number;
  readonly repetitions: number;
  readonly orders: number;
};

export function fullScale(options: Chosen): Scale {
  return {
    seconds: options.seconds,
    warmUpSeconds: options["warm-up"],
    repetitions: options.repetitions,
    products: 1_000,
    units: 1_000_000,
    connections: [64, 256],
    batchConnections: 8,
    batchLines: 1_000,
    drainOrders: options.orders,
    resentDrainOrders: Math.max(1, Math.round(options.orders / 5)),
    manyProducts: 1_000_000,
    takeOverRecords: [10_000, 1_000_000],
    overloadConnections: 4_096,
    neighbours: 20,
    neighbourOrdersPerSecond: 200,
    floodLeadSeconds: 4,
    isSmoke: false,
  };
}

/** All works in two minutes, to see that they run and that every count is exact. */
export const smokeScale: Scale = {
  seconds: 0.4,
  warmUpSeconds: 0.1,
  repetitions: 1,
  products: 120,
  units: 1_000_000,
  connections: [4, 8],
  batchConnections: 2,
  batchLines: 50,
  drainOrders: 3_000,
  resentDrainOrders: 2_000,
  manyProducts: 2_000,
  takeOverRecords: [1_000, 3_000],
  overloadConnections: 64,
  neighbours: 5,
  neighbourOrdersPerSecond: 100,
  floodLeadSeconds: 0.1,
  isSmoke: true,
};

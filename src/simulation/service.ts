/**
 * A service of the simulated world, as a client reaches it over a network: requests and answers take time, get lost, arrive
 * after their sender is dead, and pile up in a service that hangs.
 *
 * I1 A request that was sent may be executed at any later time, also after its sender has given up or died.
 * I2 Its sender hears of it once: the answer, or an error that says nothing about whether it was executed.
 */
import type { Engine } from "./engine.ts";
import type { SimProcess } from "./sim-process.ts";

export type ServiceState = "up" | "refusing" | "hanging";

export type ServiceOptions = {
  readonly engine: Engine;
  readonly name: string;
  /** One way, while the service is well. */
  readonly latencyMs: readonly [min: number, max: number];
  readonly timeoutMs: number;
  readonly unavailable: (message: string) => Error;
};

/** What became of one call: for the figures at the end of a campaign. */
export type Losses = { requestsLost: number; answersLost: number; refused: number; late: number };

/** Most losses show as a broken connection; the others as silence. */
const silentShare = 0.2;
const doneAllTheSameShare = 0.5;
const doneLateMs = [1, 400] as const;
const slowShare = 0.02;
const slowFactor = 60;

export class SimService {
  readonly #options: ServiceOptions;
  readonly losses: Losses = { requestsLost: 0, answersLost: 0, refused: 0, late: 0 };
  /** Of each request, and of each answer. */
  lossRate = 0;
  /** What the rate goes back to when a fault ends. */
  usualLossRate = 0;
  /** While a service is slow, everything takes so many times as long. */
  slowness = 1;
  #state: ServiceState = "up";
  readonly #cutOff = new Set<SimProcess>();
  #held: (() => void)[] = [];

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  get state(): ServiceState {
    return this.#state;
  }

  set(state: ServiceState): void {
    this.#state = state;
    if (state === "hanging") return;
    const held = this.#held.splice(0);
    // A service that was killed forgets what it had not begun; one that was only stopped does it now.
    if (state === "up") for (const work of held) work();
  }

  /** Whether `process` alone can't reach the service. */
  cutOff(process: SimProcess, cut: boolean): void {
    if (cut) this.#cutOff.add(process);
    else this.#cutOff.delete(process);
  }

  isCutOff(process: SimProcess): boolean {
    return this.#cutOff.has(process);
  }

  /** Has the service do `work`, for `process`. `work` may take time of its own. */
  call<T>(process: SimProcess, label: string, work: () => Promise<T>): Promise<T> {
    const { engine, name, timeoutMs, unavailable } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fail = (ms: number, why: string): void => {
      process.after(ms, `${name} fails`, () => reject(unavailable(`${label}: ${why}`)));
    };
    const lose = (why: string): void => {
      if (!engine.chance(silentShare)) fail(this.#latency(), why);
    };
    const cancel = process.after(timeoutMs, `${name} is late`, () => {
      this.losses.late += 1;
      reject(unavailable(`${label}: no answer in ${timeoutMs} ms`));
    });
    const execute = (): void => {
      work().then(
        (value) =>
          this.#answer(process, label, lose, () => {
            cancel();
            resolve(value);
          }),
        (error: unknown) =>
          this.#answer(process, label, lose, () => {
            cancel();
            reject(error instanceof Error ? error : new Error(String(error)));
          }),
      );
    };
    engine.after(this.#latency(), label, () => {
      if (this.#state === "refusing" || this.#cutOff.has(process)) {
        this.losses.refused += 1;
        fail(this.#latency(), `${name} is away`);
      } else if (engine.chance(this.lossRate)) {
        this.losses.requestsLost += 1;
        const isStillDone = engine.chance(doneAllTheSameShare);
        engine.say(
          `${process.name}: the connection breaks at ${label}${isStillDone ? ", which is done all the same" : ""}`,
        );
        lose("the connection broke");
        // The service had it, and goes on with it: its client may be back, and ask again, before it is done.
        if (isStillDone)
          engine.after(engine.between(...doneLateMs), `${label}, late`, () => void work().catch(() => undefined));
      } else if (this.#state === "hanging") this.#held.push(execute);
      else execute();
    });
    return promise;
  }

  #answer(process: SimProcess, label: string, lose: (why: string) => void, settle: () => void): void {
    const { engine } = this.#options;
    if (engine.chance(this.lossRate)) {
      this.losses.answersLost += 1;
      engine.say(`${process.name}: the answer to ${label} is lost`);
      lose("the connection broke, and it may have happened");
      return;
    }
    process.after(this.#latency(), `answer to ${label}`, settle);
  }

  #latency(): number {
    const { engine, latencyMs } = this.#options;
    const usual = engine.between(...latencyMs) * this.slowness;
    return engine.chance(slowShare) ? usual * slowFactor : usual;
  }
}

/** The port as `process` reaches it through `service`: each method is a call. */
export function reach<Port extends object>(port: Port, service: SimService, process: SimProcess): Port {
  return new Proxy(port, {
    get: (target, name, receiver): unknown => {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return (...args: unknown[]): Promise<unknown> =>
        service.call(process, String(name), async (): Promise<unknown> => {
          const result: unknown = await Reflect.apply(method, target, args);
          return result;
        });
    },
  });
}

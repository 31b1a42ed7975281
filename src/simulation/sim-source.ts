/**
 * The log's client of one simulated processor. As with Kafka's, nothing is read of a partition between its assignment and the first
 * seek, a range is dropped when its partition was sought or paused meanwhile, and a reader that was sent above the log's end begins
 * anew at its beginning (KAFKAJS.md 9). What was fetched may arrive after its partition was taken away.
 */
import type { HeldPartition, FetchedRange, LogListener, LogSource } from "../log/log.ts";
import type { Engine } from "./engine.ts";
import type { SimService } from "./service.ts";
import type { GroupMember, SimGroup } from "./sim-group.ts";
import type { SimLog } from "./sim-log.ts";
import type { SimProcess } from "./sim-process.ts";

export type SimSourceOptions = {
  readonly id: string;
  readonly engine: Engine;
  readonly process: SimProcess;
  readonly log: SimLog;
  readonly service: SimService;
  readonly group: SimGroup;
  /** How often a range comes that begins elsewhere than asked for, as after a reset to the log's beginning (KAFKAJS.md 9). */
  readonly strayShare: number;
};

const fetchRecordsMax = 8;
const retryMs = 200;

export class SimSource implements LogSource, GroupMember {
  readonly #options: SimSourceOptions;
  readonly #paused = new Set<number>();
  readonly #positions = new Map<number, number>();
  #assigned: readonly number[] = [];
  #listener: LogListener | undefined;
  #pumping = false;
  #unsubscribe: (() => void) | undefined;

  constructor(options: SimSourceOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  get process(): SimProcess {
    return this.#options.process;
  }

  held(): readonly HeldPartition[] {
    return this.#listener?.held?.() ?? [];
  }

  start(listener: LogListener): Promise<void> {
    const { log, group, process, engine } = this.#options;
    this.#listener = listener;
    this.#unsubscribe = log.subscribe(() => process.after(engine.between(0, 2), "more", () => this.#pump()));
    group.join(this);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#listener = undefined;
    this.#assigned = [];
    this.#options.group.leave(this);
    return Promise.resolve();
  }

  assigned(partitions: readonly number[]): void {
    this.#assigned = partitions;
    for (const partition of partitions) {
      this.#paused.add(partition);
      this.#positions.delete(partition);
    }
    this.#listener?.assigned(partitions);
  }

  lost(reason: Error): void {
    this.#assigned = [];
    this.#listener?.lost(reason);
  }

  pause(partition: number): void {
    this.#paused.add(partition);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.#pump();
  }

  seek(partition: number, offset: number): void {
    this.#positions.set(partition, offset);
    this.#pump();
  }

  reportProgress(): void {
    // A hint for lag tools: nothing in the world reads it.
  }

  /** Fetches until nothing is left that may be fetched. Called whenever that may have changed. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#fetchAll();
  }

  async #fetchAll(): Promise<void> {
    const { service, log, process, engine, strayShare } = this.#options;
    for (let wanted = this.#next(); wanted !== undefined; wanted = this.#next()) {
      const { partition, asked, from, to } = wanted;
      try {
        const begin = engine.chance(strayShare) ? engine.whole(0, log.end(partition) - 1) : from;
        const end = Math.max(begin + 1, to);
        const records = await service.call(process, `fetch ${partition}@${begin}`, () =>
          Promise.resolve(log.read(partition, begin, end)),
        );
        // A seek or a pause in the meantime drops what was fetched; a partition that was taken away does not (KAFKAJS.md 7).
        if (this.#positions.get(partition) !== asked || this.#paused.has(partition)) continue;
        this.#positions.set(partition, end);
        this.#listener?.fetched({ partition, from: begin, to: end, records });
      } catch {
        await process.sleep(retryMs);
      }
    }
    this.#pumping = false;
  }

  #next(): (Omit<FetchedRange, "records"> & { readonly asked: number }) | undefined {
    const { log, engine } = this.#options;
    const ready = this.#assigned.flatMap((partition) => {
      const asked = this.#positions.get(partition);
      if (asked === undefined || this.#paused.has(partition)) return [];
      const end = log.end(partition);
      const from = asked > end ? 0 : asked;
      return from < end ? [{ partition, asked, from, end }] : [];
    });
    if (ready.length === 0) return undefined;
    const { end, ...next } = engine.pick(ready);
    return { ...next, to: Math.min(end, next.from + engine.whole(1, fetchRecordsMax)) };
  }
}

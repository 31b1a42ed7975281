/** What the contract of the log asks of a world to run in, and a member of a group that tells what it was told. */
import type { LogAdmin } from "../../src/log/log-admin.ts";
import type {
  AppendRecord,
  FetchedRange,
  HeldPartition,
  LogAppender,
  LogInspector,
  LogSource,
} from "../../src/log/log.ts";

/** One topic, and one group that reads it. */
export type LogWorld = AsyncDisposable & {
  readonly appender: LogAppender;
  readonly inspector: LogInspector;
  readonly admin: LogAdmin;
  /** By another producer, in one transaction of its own. Resolves when each partition of it has its marker. */
  appendTransaction(records: readonly AppendRecord[], end: "commit" | "abort"): Promise<void>;
  /** One more reader of the group, not started. The world stops it at its end. */
  newSource(instanceId: string): LogSource;
  /** Lets time pass until it is so; rejects with `what` where it never is. */
  until(what: string, condition: () => boolean): Promise<void>;
  /** Lets so much time pass that what must not happen would have happened. */
  quiet(): Promise<void>;
};

export type MakeLogWorld = (partitionCount: number) => Promise<LogWorld>;

export const record = (partition: number, value: string): AppendRecord => ({
  partition,
  key: "p",
  value: Buffer.from(value),
});
/** With the values "0", "1" and so on. */
export const numbers = (partition: number, count: number, from = 0): AppendRecord[] =>
  Array.from({ length: count }, (_, index) => record(partition, String(from + index)));

/** Reads every partition that it is given from its beginning, and says that it holds what it was given last, if nothing else is set. */
export class Member {
  readonly assignments: (readonly number[])[] = [];
  readonly ranges: FetchedRange[] = [];
  readonly lost: Error[] = [];
  readonly source: LogSource;
  onAssigned: (partitions: readonly number[]) => void = (partitions) => {
    for (const partition of partitions) this.read(partition, 0);
  };
  onFetched: (range: FetchedRange) => void = () => undefined;
  holds: () => readonly HeldPartition[] = () => this.owned.map((partition) => ({ partition, epoch: 1 }));

  constructor(world: LogWorld, instanceId: string) {
    this.source = world.newSource(instanceId);
  }

  start(): Promise<void> {
    return this.source.start({
      assigned: (partitions) => {
        this.assignments.push(partitions);
        this.onAssigned(partitions);
      },
      fetched: (range) => {
        this.ranges.push(range);
        this.onFetched(range);
      },
      lost: (reason) => this.lost.push(reason),
      held: () => this.holds(),
    });
  }

  read(partition: number, from: number): void {
    this.source.seek(partition, from);
    this.source.resume(partition);
  }

  get owned(): readonly number[] {
    return this.assignments.at(-1) ?? [];
  }

  rangesOf(partition: number): FetchedRange[] {
    return this.ranges.filter((range) => range.partition === partition);
  }

  /** Up to where the partition was read; 0 before the first range. */
  reached(partition: number): number {
    return this.rangesOf(partition).at(-1)?.to ?? 0;
  }

  values(partition: number): string[] {
    return this.rangesOf(partition).flatMap(({ records }) => records.map(({ value }) => String(value)));
  }
}

/** Adds a member and waits until it was given something. */
export async function join(world: LogWorld, instanceId: string, prepare?: (member: Member) => void): Promise<Member> {
  const member = new Member(world, instanceId);
  prepare?.(member);
  await member.start();
  await world.until(`${instanceId} is given something`, () => member.assignments.length > 0);
  return member;
}

/** Whether each of so many partitions has one of these members, and each member a fair share. */
export function isShared(members: readonly Member[], partitionCount: number): boolean {
  const all = members.flatMap(({ owned }) => owned);
  const sizes = members.map(({ owned }) => owned.length);
  const isFair = Math.max(...sizes) - Math.min(...sizes) <= 1;
  return isFair && all.length === partitionCount && new Set(all).size === partitionCount;
}

export function untilShared(world: LogWorld, members: readonly Member[], partitionCount: number): Promise<void> {
  const what = `${members.length} members share ${partitionCount} partitions`;
  return world.until(what, () => isShared(members, partitionCount));
}

/** What is wrong with these ranges of one partition, read from `from` on without a seek: nothing may lie between two, nothing twice. */
export function faultsOf(ranges: readonly FetchedRange[], from: number): string[] {
  const faults: string[] = [];
  let next = from;
  for (const range of ranges) {
    if (range.from !== next) faults.push(`${range.from} follows ${next}`);
    if (range.to <= range.from) faults.push(`[${range.from}, ${range.to}) is empty`);
    let above = range.from;
    for (const { offset } of range.records) {
      if (offset < above || offset >= range.to) faults.push(`${offset} in [${range.from}, ${range.to})`);
      above = offset + 1;
    }
    next = range.to;
  }
  return faults;
}

/**
 * The consumer group of the simulated world: who is in it, and who has which partition, by the real assigner. Like Kafka's eager
 * protocol as kafkajs shows it: nobody is asked to give a partition up, everybody is told later, each at a time of its own.
 *
 * I1 One generation after another; a member is never told of an older one after a newer one.
 * I2 A member that was not heard of for the session's time is put out; it learns of that when it wakes, and joins again.
 */
import type { HeldPartition } from "../log/log.ts";
import { assignPinned } from "../partitioning/pinned-assigner.ts";
import type { Assignment, Member } from "../partitioning/pinned-assigner.ts";
import type { Engine } from "./engine.ts";
import type { SimLog } from "./sim-log.ts";
import type { SimProcess } from "./sim-process.ts";

export type GroupMember = {
  /** Stable over restarts. */
  readonly id: string;
  readonly process: SimProcess;
  /** What it says that it holds when it joins. */
  held(): readonly HeldPartition[];
  assigned(partitions: readonly number[]): void;
  lost(reason: Error): void;
};

const topic = "orders";
export const sessionMs = 6_000;
/** From a reason for a rebalance until its assignment is made. */
const joinMs = [20, 600] as const;
const tellMs = [1, 400] as const;

export class SimGroup {
  readonly #engine: Engine;
  readonly #log: SimLog;
  #members: GroupMember[] = [];
  readonly #told = new Map<GroupMember, number>();
  #generation = 0;
  #pending = false;
  #shuffled = false;
  rebalances = 0;

  constructor(engine: Engine, log: SimLog) {
    this.#engine = engine;
    this.#log = log;
  }

  join(member: GroupMember): void {
    this.#members.push(member);
    this.rebalance();
  }

  leave(member: GroupMember): void {
    this.#members = this.#members.filter((each) => each !== member);
    this.rebalance();
  }

  /** To be called when a process was killed, stopped or cut off: the group notices after its session, if it is so still. */
  silent(process: SimProcess, isStill: () => boolean): void {
    this.#engine.after(sessionMs, "session", () => {
      const gone = this.#members.find((each) => each.process === process);
      if (isStill() && gone !== undefined) this.#putOut(gone);
    });
  }

  /** Everybody is told anew what is whose, soon. `shuffled`: whatever was whose before, as another assigner might. */
  rebalance(shuffled = false): void {
    this.#shuffled ||= shuffled;
    if (this.#pending) return;
    this.#pending = true;
    this.#engine.after(this.#engine.between(...joinMs), "rebalance", () => {
      this.#pending = false;
      this.#rebalanceNow();
    });
  }

  #putOut(member: GroupMember): void {
    this.leave(member);
    if (!member.process.isAlive()) return;
    member.process.after(this.#engine.between(...tellMs), "put out of the group", () => {
      member.lost(new Error("the group does not know this member any more"));
      this.join(member);
    });
  }

  #share(): Assignment {
    // Other names are at home elsewhere.
    const isShuffled = this.#shuffled;
    this.#shuffled = false;
    const members = this.#members.map((member): Member => {
      const { id, process } = member;
      if (isShuffled) return { memberId: process.name, instanceId: `${id} ${this.#engine.random()}`, holds: [] };
      return { memberId: process.name, instanceId: id, holds: member.held().map((each) => ({ topic, ...each })) };
    });
    return assignPinned(
      members,
      this.#log.partitions.map((_, partition) => ({ topic, partition })),
    );
  }

  #rebalanceNow(): void {
    // Who is stopped can't answer: the group may wait for it, or go on without.
    for (const member of [...this.#members]) {
      const { process } = member;
      if (process.stoppedAt !== undefined && this.#engine.chance(0.5)) this.#putOut(member);
    }
    if (this.#members.length === 0) return;
    this.#generation += 1;
    this.rebalances += 1;
    const generation = this.#generation;
    const assignment = this.#share();
    for (const member of this.#members) {
      const partitions = (assignment.get(member.process.name) ?? []).map(({ partition }) => partition);
      this.#engine.say(`generation ${generation}: ${member.id} gets [${partitions.join(" ")}]`);
      member.process.after(this.#engine.between(...tellMs), "assignment", () => {
        if ((this.#told.get(member) ?? 0) >= generation) return; // I1
        this.#told.set(member, generation);
        member.assigned(partitions);
      });
    }
  }
}

/** What a fault does, and how it is healed. Each resolves when it is healed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Link } from "../support/link.ts";
import type { OwnServices } from "../support/own-services.ts";
import type { FaultKind } from "./fault-kinds.ts";
import type { Fleet, Member } from "./fleet.ts";
import { isCommandKilled } from "./schedule.ts";
import type { Fault } from "./schedule.ts";

/** `ended` resolves however it ends. */
export type GrowCommand = { kill(): void; readonly ended: Promise<void> };

export type FaultyWorld = {
  readonly services: Pick<OwnServices, "takeAway" | "bringBack">;
  readonly fleet: Pick<Fleet, "members">;
  /** A connection that no fault but Redis's own absence touches. */
  readonly redis: Redis;
  /** Makes twice as many of them; resolves when that has begun, or the command has given up. */
  growPartitions(): Promise<GrowCommand>;
  /** Resolves when nothing grows, or when that takes too long; the run's end asks again. */
  untilGrown(): Promise<void>;
  /** Waits so long, or less when the run is given up. */
  pause(ms: number): Promise<void>;
};

/** A member that restarts in its turn is waited for this long, before the next one is asked to stop. */
const turnReadyMs = 10_000;
const pollMs = 100;

export async function inflict(fault: Fault, world: FaultyWorld): Promise<void> {
  const { lastsMs } = fault;
  const { does } = fault.kind;
  const hit = fault.members.map((name) => world.fleet.members[name]);
  switch (does.to) {
    case "member":
      for (const member of hit) await troubleMember(member, does.what, () => world.pause(lastsMs));
      return;
    case "members in turn":
      for (const member of hit) await restart(member);
      return;
    case "service":
      await world.services.takeAway(does.service, does.how);
      await world.pause(lastsMs);
      await world.services.bringBack(does.service);
      return;
    case "redis's content":
      await world.redis.flushall();
      return;
    case "partitions": {
      const command = await world.growPartitions();
      await world.pause(lastsMs);
      if (isCommandKilled(fault.lost)) command.kill();
      await command.ended;
      await world.untilGrown();
      return;
    }
    case "links": {
      const links = hit.map((member) => member.links[does.service]);
      const heal = troubleLinks(links, does, fault);
      await world.pause(lastsMs);
      heal();
    }
  }
}

async function troubleMember(member: Member, what: "kill" | "freeze", lasts: () => Promise<void>): Promise<void> {
  if (what === "kill") {
    await member.kill();
    await lasts();
    member.start();
  } else {
    await member.freeze();
    await lasts();
    await member.thaw();
  }
}

async function restart(member: Member): Promise<void> {
  await member.stop();
  member.start();
  const deadline = performance.now() + turnReadyMs;
  while (!member.isReady() && performance.now() < deadline) await sleep(pollMs);
}

/** Returns what heals them. */
function troubleLinks(
  links: readonly Link[],
  does: Extract<FaultKind["does"], { to: "links" }>,
  { delayMs, release, count, lost }: Fault,
): () => void {
  const all = (act: (link: Link) => void): void => links.forEach(act);
  switch (does.what) {
    case "cut":
      all((link) => link.refuse(true));
      all((link) => link.cut());
      return () => all((link) => link.refuse(false));
    case "slow":
      all((link) => link.slow(delayMs));
      return () => all((link) => link.slow(0));
    case "hold":
      all((link) => link.hold(does.direction));
      return () => all((link) => link.release(release));
    case "lose answers":
      // Of Kafka's answers whole messages are lost; of others what comes next, and so the connection with it.
      all((link) => link.loseAnswers(count, does.service === "kafka" ? lost : "cut"));
      return () => all((link) => link.loseAnswers(0, "cut"));
  }
}

/** The kinds of faults, as a table: what each does, to what, and for how long. */
import type { Direction } from "../support/link.ts";
import type { Away, ServiceName } from "../support/own-services.ts";

/** What a process has a link to. */
export type LinkedService = Exclude<ServiceName, "registry">;
export type RoleName = "api" | "processor";

export type FaultKind = {
  readonly name: string;
  readonly does:
    | { readonly to: "member"; readonly what: "kill" | "freeze"; readonly role: RoleName }
    /** All members of the role, one after the other: asked to stop, and started again. */
    | { readonly to: "members in turn"; readonly role: RoleName }
    | { readonly to: "service"; readonly service: ServiceName; readonly how: Away }
    | { readonly to: "redis's content" }
    /** Twice as many, by the command line, which is killed on the way, or not. */
    | { readonly to: "partitions" }
    | { readonly to: "links"; readonly service: LinkedService; readonly what: "cut" | "slow" | "lose answers" }
    | { readonly to: "links"; readonly service: LinkedService; readonly what: "hold"; readonly direction: Direction };
  /** The least and the most milliseconds until it is healed. */
  readonly lastsMs: readonly [number, number];
};

const ofRole = (role: RoleName, several: string): FaultKind[] => [
  { name: `${role} killed`, does: { to: "member", what: "kill", role }, lastsMs: [0, 5_000] },
  // The session of a processor in its group is 6 s.
  { name: `${role} frozen`, does: { to: "member", what: "freeze", role }, lastsMs: [7_000, 11_000] },
  { name: `${several} restarted in turn`, does: { to: "members in turn", role }, lastsMs: [0, 0] },
];

const ofService = (service: LinkedService): FaultKind[] => [
  { name: `${service} killed`, does: { to: "service", service, how: "killed" }, lastsMs: [0, 5_000] },
  { name: `${service} restarted`, does: { to: "service", service, how: "stopped" }, lastsMs: [0, 0] },
  { name: `${service} silent`, does: { to: "service", service, how: "silent" }, lastsMs: [3_000, 10_000] },
  { name: `${service} links cut`, does: { to: "links", service, what: "cut" }, lastsMs: [0, 5_000] },
  { name: `${service} links slow`, does: { to: "links", service, what: "slow" }, lastsMs: [3_000, 10_000] },
  {
    name: `${service} requests held`,
    does: { to: "links", service, what: "hold", direction: "requests" },
    lastsMs: [3_000, 10_000],
  },
  {
    name: `${service} answers held`,
    does: { to: "links", service, what: "hold", direction: "answers" },
    lastsMs: [3_000, 10_000],
  },
  // Of Kafka's, answers to produce requests.
  { name: `${service} answers lost`, does: { to: "links", service, what: "lose answers" }, lastsMs: [2_000, 5_000] },
];

export const faultKinds: readonly FaultKind[] = [
  ...ofRole("processor", "processors"),
  ...ofRole("api", "apis"),
  ...ofService("kafka"),
  ...ofService("postgres"),
  ...ofService("redis"),
  { name: "redis flushed", does: { to: "redis's content" }, lastsMs: [0, 0] },
  { name: "partitions grown", does: { to: "partitions" }, lastsMs: [300, 6_000] },
  { name: "registry silent", does: { to: "service", service: "registry", how: "silent" }, lastsMs: [3_000, 10_000] },
];

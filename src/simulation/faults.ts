/** What can go wrong in the simulated world, as values: a schedule of them can be drawn, shrunk, printed and replayed. */
import type { Wavering } from "./wavering.ts";

export type ServiceName = "store" | "cache" | "log";
export type ProcessKind = "processor" | "api";

/** Processes are meant by their number, counted round those that there are; `forMs` and `backMs` are milliseconds. */
export type Fault =
  /** kill -9; another process takes its place, with its id, after `backMs`. */
  | { readonly do: "kill"; readonly kind: ProcessKind; readonly number: number; readonly backMs: number }
  /** SIGSTOP, then SIGCONT; or the whole machine stands still, and its monotonic clock with it. */
  | {
      readonly do: "stop";
      readonly kind: ProcessKind;
      readonly number: number;
      readonly forMs: number;
      readonly suspended: boolean;
    }
  /** SIGTERM: it finishes what it has; another takes its place. */
  | { readonly do: "restart"; readonly number: number }
  /** One more processor joins. */
  | { readonly do: "join" }
  | { readonly do: "rebalance" }
  | {
      readonly do: "away";
      readonly service: ServiceName;
      readonly how: "refusing" | "hanging";
      readonly forMs: number;
    }
  /** Requests and answers get lost, so many of all. */
  | { readonly do: "lossy"; readonly service: ServiceName; readonly rate: number; readonly forMs: number }
  | { readonly do: "slow"; readonly service: ServiceName; readonly factor: number; readonly forMs: number }
  | {
      readonly do: "cut off";
      readonly kind: ProcessKind;
      readonly number: number;
      readonly service: ServiceName;
      readonly forMs: number;
    }
  /** No fault, but it happens among them: an operator asks for so many times as many partitions. */
  | { readonly do: "grow"; readonly times: number; readonly hurried: boolean }
  | { readonly do: "flush cache" }
  /** A product's quantity leaves the cache, and what guards it stays. */
  | { readonly do: "expire"; readonly number: number }
  | { readonly do: "wall clock"; readonly kind: ProcessKind; readonly number: number; readonly ms: number };

export function describeFault(fault: Fault | Wavering): string {
  const { do: what, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  return [what, ...details].join(" ");
}

// How much processor time each process takes. Read from /proc, so on Linux only: elsewhere there is nothing to tell.
import { readFileSync, readdirSync } from "node:fs";

/** Seconds of processor time by name. */
export type Cpu = Readonly<Record<string, number>>;

/** The name under which all else that ran on the machine is told: a measurement that was disturbed shows it. */
export const others = "all else on the machine";

/** USER_HZ, which the kernel fixes at 100 on every platform that Node runs on. */
const ticksPerSecond = 100;

/**
 * Processor time since each process began, with its children's, living and ended: PostgreSQL has one for each connection. Undefined where
 * there is no /proc, and when one of the processes is gone.
 */
export function readCpu(pids: Readonly<Record<string, number>>): Cpu | undefined {
  if (process.platform !== "linux") return undefined;
  const table = readProcesses();
  const ticksOf = (pid: number): number => {
    const found = table.get(pid);
    return (found?.ticks ?? 0) + (found?.children ?? []).reduce((sum, child) => sum + ticksOf(child), 0);
  };
  if (Object.values(pids).some((pid) => !table.has(pid))) return undefined;
  const named = Object.entries(pids).map(([name, pid]) => [name, ticksOf(pid) / ticksPerSecond] as const);
  const sum = named.reduce((total, [, seconds]) => total + seconds, 0);
  return { ...Object.fromEntries(named), [others]: readBusy() - sum };
}

/** Of the services started here and of our own processes, those that take part; the registry is asked only at the start. */
export function pidsOf({ registry: _registry, ...pids }: Readonly<Record<string, number>>): Record<string, number> {
  return pids;
}

/** What was spent between two readings; undefined when either is. */
export function spent(from: Cpu | undefined, to: Cpu | undefined): Cpu | undefined {
  if (from === undefined || to === undefined) return undefined;
  return Object.fromEntries(Object.entries(to).map(([name, seconds]) => [name, seconds - (from[name] ?? 0)]));
}

type Entry = { ticks: number; children: number[] };

function readProcesses(): Map<number, Entry> {
  const table = new Map<number, Entry>();
  const entry = (pid: number): Entry => {
    const found = table.get(pid) ?? { ticks: 0, children: [] };
    table.set(pid, found);
    return found;
  };
  const alive = new Set<number>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? readStat(name) : undefined;
    if (stat === undefined) continue;
    const pid = Number(name);
    alive.add(pid);
    entry(pid).ticks = stat.ticks;
    entry(stat.parent).children.push(pid);
  }
  for (const pid of table.keys()) if (!alive.has(pid)) table.delete(pid);
  return table;
}

function readStat(pid: string): { parent: number; ticks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the name in brackets and may hold anything; the fourth is the parent, 14 to 17 the times: user and system, of
    // itself and of the children that have ended.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { parent: Number(fields[1]), ticks };
  } catch {
    // It ended in between.
    return undefined;
  }
}

/** Seconds that all processors of the machine were busy since its start. */
function readBusy(): number {
  const line = readFileSync("/proc/stat", "latin1").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

/** Undefined when one of them is. */
export function sumCpu(parts: readonly (Cpu | undefined)[]): Cpu | undefined {
  const sum: Record<string, number> = {};
  for (const part of parts) {
    if (part === undefined) return undefined;
    for (const [name, seconds] of Object.entries(part)) sum[name] = (sum[name] ?? 0) + seconds;
  }
  return sum;
}

import type { Line } from "../schemas/lines.ts";
import type { DecidedGroup } from "./decide-group.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

/** Counts what a committed group decided; each series is touched once, whatever the group's size. */
export function countGroup(metrics: ProcessorDeps["metrics"], group: DecidedGroup): void {
  metrics.commits.inc();
  metrics.groupCommands.observe(group.answers.length);
  for (const { kind } of group.write.deadLetters) metrics.deadLetters.inc({ kind });
  const decided = new Map<string, { line: Line; count: number }>();
  for (const { line, repeated } of group.answers) {
    const key = repeated ? "repeated" : `${line.type} ${line.status} ${line.reason ?? ""}`;
    const tally = decided.get(key);
    if (tally === undefined) decided.set(key, { line, count: 1 });
    else tally.count += 1;
  }
  for (const [key, { line, count }] of decided) {
    if (key === "repeated") {
      metrics.duplicates.inc(count);
      continue;
    }
    metrics.decided.inc({ type: line.type, status: line.status }, count);
    if (line.status === "rejected") metrics.refusals.inc({ reason: line.reason ?? "" }, count);
  }
}

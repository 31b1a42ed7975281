/** What a run has come to: for people as text, for programs as JSON. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { localFolder, root } from "../../local/paths.ts";
import { judge } from "./auditor/judge.ts";
import type { Verdict } from "./auditor/judge.ts";
import { isGivenUp, thirdsOf } from "./auditor/quiet.ts";
import { readingsBehind } from "./auditor/undone.ts";
import type { Campaign } from "./campaign.ts";
import { writeEvidence } from "./evidence-file.ts";
import { outagesOf } from "./outages.ts";
import type { Outage } from "./outages.ts";

export type Report = ReturnType<typeof reportOf>;

export function reportOf({ schedule, evidence, faults, answers }: Campaign) {
  const { commands, lines, endings, memory, healedAt, decidedAt, startedAt } = evidence;
  const verdicts = judge(evidence);
  return {
    seed: schedule.seed,
    minutes: schedule.minutes,
    isRight: verdicts.every(({ complaints }) => complaints.length === 0),
    faults: countBy(faults.map(({ kind }) => kind)),
    commands: countBy(commands.map(({ kind }) => kind)),
    attempts: commands.reduce((sum, { attempts }) => sum + attempts, 0),
    acknowledged: commands.filter(({ ackedAt }) => ackedAt !== null).length,
    decisions: lines.length,
    decisionsByOutcome: countBy(lines.map(({ type, status }) => `${type} ${status}`)),
    answers,
    readingsBehind: readingsBehind(evidence.tellings),
    endings: countBy(endings.map(({ member, by, how }) => `${member.split("-")[0]} ${by} (${how})`)),
    partitions: evidence.growth.partition_count,
    startsGivenUp: endings.filter((ending) => isGivenUp(ending, evidence.faults)).length,
    memory: thirdsOf(memory),
    memoryMostBytes: Object.fromEntries(
      [...Map.groupBy(memory, ({ member }) => member)].map(([member, lives]) => [
        member,
        Math.max(0, ...lives.flatMap(({ samples }) => samples.map(({ bytes }) => bytes))),
      ]),
    ),
    ranMs: Math.round(healedAt - startedAt),
    decidedAfterMs: decidedAt === null ? null : Math.round(decidedAt - healedAt),
    redisEqualAfterMs: evidence.redisEqualAfterMs === null ? null : Math.round(evidence.redisEqualAfterMs),
    outages: outagesOf(faults, evidence),
    verdicts,
  };
}

/** A line about what happens at a time of the run. */
export const timed = (atMs: number, what: string): string => `${(atMs / 1_000).toFixed(1).padStart(7)} s  ${what}`;

export function textOf(report: Report): string {
  const { seed, minutes, ranMs, decisions, acknowledged, attempts, verdicts } = report;
  const figures = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  return [
    `Seed ${seed}, ${minutes} min; it ran for ${seconds(ranMs)}.`,
    `Commands: ${figures(report.commands)}; ${attempts} attempts, ${acknowledged} acknowledged.`,
    `Decisions: ${decisions} (${figures(report.decisionsByOutcome)}).`,
    `Answers: ${figures(report.answers)}; ${report.readingsBehind} readings of a moment before what was told already.`,
    `Ends of processes: ${figures(report.endings)}; ${report.startsGivenUp} starts given up, for a service that was away.`,
    `Partitions in the end: ${report.partitions}.`,
    `Decided ${seconds(report.decidedAfterMs)} after the last fault; Redis equal ${seconds(report.redisEqualAfterMs)} after that.`,
    `Resident memory, most: ${figures(mapValues(report.memoryMostBytes, mebibytes))} MiB. First and last third of long lives: ${
      report.memory
        .map(
          ({ member, firstBytes, lastBytes }) => `${member} ${mebibytes(firstBytes)} and ${mebibytes(lastBytes)} MiB`,
        )
        .join(", ") || "no life was long enough"
    }.`,
    "",
    ...table(report.outages),
    "",
    ...verdicts.map(verdictText),
    "",
    report.isRight
      ? "Nothing is wrong."
      : `WRONG: ${verdicts
          .filter(({ complaints }) => complaints.length > 0)
          .map(({ number }) => number)
          .join(", ")}`,
  ].join("\n");
}

const complaintsShown = 10;

export function verdictText({ number, holds, judged, complaints }: Verdict): string {
  const state = !judged ? "not judged" : complaints.length === 0 ? "holds" : `WRONG ${complaints.length} times`;
  const shown = complaints.slice(0, complaintsShown).map((complaint) => `      ${complaint}`);
  return [`${number.padEnd(4)} ${state}: ${holds}`, ...shown].join("\n");
}

function table(outages: readonly Outage[]): string[] {
  const longest = (each: readonly Outage[], of: (outage: Outage) => number): string =>
    each.length === 0 ? "" : (Math.max(...each.map(of)) / 1_000).toFixed(1);
  const rows = [...Map.groupBy(outages, ({ kind }) => kind)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, each]) => {
      const alone = each.filter(({ isAlone }) => isAlone);
      return [
        kind,
        String(each.length),
        longest(each, ({ ackGapMs }) => ackGapMs),
        longest(each, ({ decisionGapMs }) => decisionGapMs),
        String(alone.length),
        longest(alone, ({ ackGapMs }) => ackGapMs),
        longest(alone, ({ decisionGapMs }) => decisionGapMs),
      ];
    });
  const head = ["fault", "times", "no ack, s", "no decision, s", "alone", "no ack, s", "no decision, s"];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  "),
  );
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function mapValues(
  values: Readonly<Record<string, number>>,
  change: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
const seconds = (ms: number | null): string => (ms === null ? "not in time" : `${(ms / 1_000).toFixed(1)} s`);

/** Writes the report, and beside it the evidence when something is wrong or it is asked for; returns the report's place. */
export function writeReport(campaign: Campaign, report: Report, keepsEvidence = false): string {
  const folder = path.join(localFolder, "chaos-reports");
  mkdirSync(folder, { recursive: true });
  const name = `${new Date().toISOString().replaceAll(/[:.]/g, "-")}-seed-${report.seed}`;
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  if (keepsEvidence || !report.isRight) writeEvidence(path.join(folder, `${name}-evidence.jsonl`), campaign.evidence);
  return path.relative(root, file);
}

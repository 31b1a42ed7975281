// npm run chaos: real processes and services under load and random faults, and the auditor's verdicts.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { Failure, runMain } from "../../local/failure.ts";
import { stopRequest } from "../../local/stop-request.ts";
import { judge } from "./auditor/judge.ts";
import { runCampaign } from "./campaign.ts";
import type { Campaign, CampaignOptions } from "./campaign.ts";
import { readEvidence } from "./evidence-file.ts";
import { reportOf, textOf, timed, verdictText, writeReport } from "./report.ts";
import { sabotagedMain, sabotages } from "./sabotage.ts";
import { createSchedule, describeFault } from "./schedule.ts";

const usage =
  "Options: --minutes 2, --seed NUMBER (random if not given), --list (shows the schedule, and runs nothing), " +
  "--evidence (keeps what was judged, also of a run in which nothing is wrong), --judge FILE (judges such a file again), " +
  "--sabotage NAME (takes a guard out, so that the run fails), --list-sabotages.";
/** All that happens is kept until it is judged. */
const minutesMax = 60;
/** It says nothing about Tallyman. */
const unfinishedCode = 2;

await runMain(async () => {
  const { minutes, seed, list, evidence, judge: kept, sabotage: name, listSabotages } = readArguments();
  if (listSabotages) {
    for (const [each, { finds }] of Object.entries(sabotages)) console.log(`${each} (${finds.join(" or ")})`);
    return 0;
  }
  if (kept !== undefined) {
    const verdicts = judge(await readEvidence(kept));
    console.log(verdicts.map(verdictText).join("\n"));
    return verdicts.every(({ complaints }) => complaints.length === 0) ? 0 : 1;
  }
  const schedule = createSchedule(seed, minutes);
  console.log(`Again with: npm run chaos -- --minutes ${minutes} --seed ${seed}`);
  if (list) {
    for (const fault of schedule.faults) console.log(timed(fault.at, describeFault(fault)));
    return 0;
  }
  const sabotage = name === undefined ? undefined : sabotages[name];
  if (name !== undefined && sabotage === undefined) throw new Failure(`There is no sabotage ${name}. ${usage}`);
  const main = name === undefined || sabotage === undefined ? undefined : sabotagedMain(name, sabotage);
  const profile = process.env.TALLYMAN_PROFILE;
  const campaign = await finished({
    schedule,
    profileName: profile === undefined ? "chaos" : `${profile}-chaos`,
    tell: (atMs, what) => console.log(timed(atMs, what)),
    signal: stopRequest,
    ...(main !== undefined && { main }),
    ...(sabotage?.tamper !== undefined && { tamper: sabotage.tamper }),
  });
  if (campaign === undefined) return unfinishedCode;
  const report = reportOf(campaign);
  console.log(`\n${textOf(report)}`);
  console.log(`\nAll figures: ${writeReport(campaign, report, evidence)}`);
  if (sabotage !== undefined) {
    const found = report.verdicts.filter(({ complaints }) => complaints.length > 0).map(({ number }) => number);
    const isFound = sabotage.finds.some((number) => found.includes(number));
    console.log(`\n${name}: ${isFound ? "found" : "NOT FOUND"}, by ${found.join(", ") || "nothing"}.`);
    return isFound ? 1 : 0;
  }
  return report.isRight ? 0 : 1;
});

/** Undefined: a service did not come back, say, or never came. */
async function finished(options: CampaignOptions): Promise<Campaign | undefined> {
  try {
    return await runCampaign(options);
  } catch (error) {
    if (error instanceof Failure) throw error;
    console.error("\nThere is nothing to judge:", error);
    return undefined;
  }
}

type Arguments = {
  minutes: number;
  seed: number;
  list: boolean;
  evidence: boolean;
  judge: string | undefined;
  sabotage: string | undefined;
  listSabotages: boolean;
};

function readArguments(): Arguments {
  const whole = (name: string, given: string | undefined, fallback: number, min: number, max: number): number => {
    const value = Number(given ?? fallback);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new Failure(`--${name} must be a whole number from ${min} to ${max}. ${usage}`);
    return value;
  };
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: "string" },
        seed: { type: "string" },
        list: { type: "boolean" },
        evidence: { type: "boolean" },
        judge: { type: "string" },
        sabotage: { type: "string" },
        "list-sabotages": { type: "boolean" },
      },
    });
    return {
      minutes: whole("minutes", values.minutes, 2, 1, minutesMax),
      seed: whole("seed", values.seed, randomInt(2 ** 31), 0, 2 ** 31 - 1),
      list: values.list === true,
      evidence: values.evidence === true,
      judge: values.judge,
      sabotage: values.sabotage,
      listSabotages: values["list-sabotages"] === true,
    };
  } catch (error) {
    if (error instanceof Failure || !(error instanceof TypeError)) throw error;
    throw new Failure(`${error.message} ${usage}`);
  }
}

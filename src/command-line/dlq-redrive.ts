/** `tallyman dlq redrive`: sends letters again, or says what would become of them. */
import PQueue from "p-queue";
import { foresee } from "../dead-letters/foresight.ts";
import { placeText } from "../dead-letters/letter-places.ts";
import type { Setting } from "../dead-letters/mending.ts";
import { prepare, redrive } from "../dead-letters/redrive.ts";
import type { LetterFate, Ready } from "../dead-letters/redrive.ts";
import { limits } from "../limits.ts";
import type { DeadLetterStore, LetterFilter } from "../stores/dead-letter-store.ts";
import type { Place } from "../stores/ledger-store.ts";
import type { Invocation } from "./command-line.ts";
import { exitCodes, UsageWrong } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { withDesk, withLog } from "./letter-desk.ts";
import type { LetterDesk } from "./letter-desk.ts";
import { filterOf } from "./letter-filter.ts";
import type { FilterFlags } from "./letter-filter.ts";
import { commandText, fateLine, foreseenText } from "./letter-text.ts";

export type RedriveFlags = FilterFlags & {
  readonly all?: boolean;
  readonly set?: readonly Setting[];
  readonly rate: number;
  readonly dryRun?: boolean;
};

export async function runRedrive(
  invocation: Invocation,
  named: readonly Place[],
  flags: RedriveFlags,
): Promise<ExitCode> {
  const { all = false, dryRun = false, set = [], rate } = flags;
  const filter = filterOf(flags);
  if (all === named.length > 0) throw new UsageWrong("name letters as partition:offset, or say --all");
  if (!all && Object.keys(filter).length > 0) throw new UsageWrong("--reason, --product and --partition go with --all");
  return withDesk(invocation, (desk) => {
    const wanted = all ? undecoded(desk.letters, filter) : inOrder(desk.letters, named);
    return dryRun
      ? runForesight(invocation, desk, wanted, set)
      : withLog(invocation, desk, (log) =>
          send(invocation, wanted, rate, (place) => redrive({ ...desk, ...log }, place, set)),
        );
  });
}

/** All that is there now and can be redriven, page by page. */
async function* undecoded(letters: Pick<DeadLetterStore, "list">, filter: LetterFilter): AsyncGenerator<Place> {
  let after = 0;
  for (;;) {
    const page = await letters.list({ ...filter, kinds: ["undecodable"] }, after, limits.letterPageRows);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < limits.letterPageRows) return;
    after = last.letterId;
  }
}

/** Those named, each once, in the order in which they came; what is not there comes last. */
async function* inOrder(letters: Pick<DeadLetterStore, "at">, named: readonly Place[]): AsyncGenerator<Place> {
  const once = new Map(named.map((place) => [placeText(place), place]));
  const known: { place: Place; letterId: number }[] = [];
  for (const place of once.values()) {
    const { letterId = Number.MAX_SAFE_INTEGER } = (await letters.at(place)) ?? {};
    known.push({ place, letterId });
  }
  for (const { place } of known.toSorted((a, b) => a.letterId - b.letterId)) yield place;
}

async function send(
  { json, print, signal }: Invocation,
  wanted: AsyncIterable<Place>,
  rate: number,
  redriveOne: (place: Place) => Promise<LetterFate>,
): Promise<ExitCode> {
  const queue = new PQueue({ concurrency: 1, interval: 1_000, intervalCap: rate, strict: true });
  const counts = { sent: 0, notSent: 0, before: 0 };
  for await (const place of wanted) {
    signal.throwIfAborted();
    const fate = await queue.add(() => redriveOne(place));
    if ("sent" in fate) counts.sent += 1;
    else if (fate.notSent.code === "redriven") counts.before += 1;
    else counts.notSent += 1;
    print(json ? JSON.stringify(fate) : fateLine(fate));
  }
  if (!json) print(`${counts.sent} redriven, ${counts.before} were before, ${counts.notSent} not sent.`);
  return counts.notSent === 0 ? exitCodes.fine : exitCodes.failed;
}

async function runForesight(
  { json, print, signal }: Invocation,
  desk: LetterDesk,
  wanted: AsyncIterable<Place>,
  set: readonly Setting[],
): Promise<ExitCode> {
  const looked: (Ready | Extract<LetterFate, { notSent: unknown }>)[] = [];
  for await (const place of wanted) {
    signal.throwIfAborted();
    if (looked.length === limits.redrivesForeseenMax) {
      throw new UsageWrong(
        `a dry run foresees ${limits.redrivesForeseenMax} letters at most: name fewer, or --product or --partition`,
      );
    }
    looked.push(await prepare(desk, place, set));
  }
  const ready = looked.filter((each): each is Ready => "command" in each);
  const foreseen = new Map((await foresee(desk.ledger, ready)).map((each, index) => [ready[index], each]));
  for (const each of looked) {
    if ("notSent" in each) {
      print(json ? JSON.stringify(each) : fateLine(each).replace("not sent", "would not be sent"));
      continue;
    }
    const { place, command } = each;
    const decision = foreseen.get(each);
    if (decision === undefined) throw new Error("every command is foreseen");
    const said = `${placeText(place)}  ${commandText(command)} as ${command.commandId} ${foreseenText(decision)}`;
    print(json ? JSON.stringify({ place, command, ...decision }) : said);
  }
  const isNotSent = looked.some((each) => "notSent" in each && each.notSent.code !== "redriven");
  return isNotSent ? exitCodes.failed : exitCodes.fine;
}

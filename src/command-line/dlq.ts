/** `tallyman dlq`: records that their partition passed without deciding them. Shows them, sends them again, gives them up. */
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { placeFrom, placeText } from "../dead-letters/letter-places.ts";
import { jsonOf, viewOf } from "../dead-letters/letter-view.ts";
import { settingFrom } from "../dead-letters/mending.ts";
import type { Setting } from "../dead-letters/mending.ts";
import { limits } from "../limits.ts";
import type { DeadLetterKind, Place } from "../stores/ledger-store.ts";
import { wholeNumber } from "./command-line.ts";
import type { CommandLine, Invocation } from "./command-line.ts";
import { exitCodes, UsageWrong } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { runRedrive } from "./dlq-redrive.ts";
import { withDesk } from "./letter-desk.ts";
import { filterOf } from "./letter-filter.ts";
import type { FilterFlags } from "./letter-filter.ts";
import { headLine, viewLines } from "./letter-text.ts";

type ListFlags = FilterFlags & {
  readonly kind?: DeadLetterKind;
  readonly all?: boolean;
  readonly limit: number;
  readonly after: number;
};

const kinds: readonly DeadLetterKind[] = ["undecodable", "refused", "waiting"];
const partitionMax = 1_000_000;

export function registerDlq({ program, runs }: CommandLine): void {
  const dlq = program
    .command("dlq")
    .summary("dead letters: show them, send them again, give them up")
    .description("Records that their partition passed without deciding them. A letter is named by its record's place.");
  filtered(
    dlq
      .command("list")
      .description("Lists letters in the order in which they came, those of which nothing became yet."),
  )
    .option("--kind <kind>", `one of ${kinds.join(", ")}`, kindFrom)
    .option("--all", "also those of which something became: redriven, discarded, resumed")
    .option("--limit <count>", "letters to show", wholeNumber(1, limits.lettersShownMax), limits.lettersShown)
    .option("--after <id>", "begin behind this letter", wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .action(runs(runList));
  dlq
    .command("show")
    .description("Shows a letter: what is in it, as far as it can be read, and what is wrong with it.")
    .argument("<partition:offset>", "where its record is", placeArgument)
    .option("--raw", "the record's value alone, its bytes as they are")
    .action(runs(runShow));
  filtered(
    dlq
      .command("redrive")
      .description(
        "Sends letters that could not be decoded once more: as new commands with ids of their own, keyed by their product. Each is sent " +
          "once, however often it is asked for. What still is no command is told and not sent, and makes the exit code 1.",
      ),
  )
    .argument("[partition:offset...]", "which ones", places, [])
    .option(
      "--all",
      "all of which nothing became yet, or of these the ones that --reason, --product and --partition name",
    )
    .option(
      "--set <field=value>",
      "another value for a field, before its rules are applied; may be given often",
      settings,
    )
    .option(
      "--rate <count>",
      "how many a second",
      wholeNumber(1, limits.redrivesPerSecondMax),
      limits.redrivesPerSecond,
    )
    .option("--dry-run", "say what would be decided now, and write nothing")
    .action(runs(runRedrive));
  dlq
    .command("discard")
    .description("Gives letters up: nothing will be decided of them. They stay where they are, marked as discarded.")
    .argument("<partition:offset...>", "which ones", places, [])
    .option("--yes", "I mean it")
    .option("--reason <text>", "kept with the letter")
    .action(runs(runDiscard));
}

function filtered(command: Command): Command {
  return command
    .option("--reason <text>", "only those whose reason begins with this")
    .option("--product <id>", "only those of this product; of what can't be decoded, those with this key")
    .option("--partition <number>", "only those of this partition", wholeNumber(0, partitionMax));
}

function kindFrom(text: string): DeadLetterKind {
  const kind = kinds.find((each) => each === text);
  if (kind === undefined) throw new InvalidArgumentError(`It must be one of ${kinds.join(", ")}.`);
  return kind;
}

function placeArgument(text: string): Place {
  const place = placeFrom(text);
  if (place === undefined) throw new InvalidArgumentError("It must be a partition and an offset, as in 3:17.");
  return place;
}

function places(text: string, before: readonly Place[]): Place[] {
  return [...before, placeArgument(text)];
}

function settings(text: string, before: readonly Setting[] = []): Setting[] {
  const setting = settingFrom(text);
  if (setting === undefined) throw new InvalidArgumentError("It must be a field and its value, as in quantity=3.");
  if (setting.path[0] === "commandId") throw new InvalidArgumentError("The id follows from where the record is.");
  return [...before, setting];
}

async function runList(invocation: Invocation, flags: ListFlags): Promise<ExitCode> {
  const { json, print } = invocation;
  const { kind, all = false, after, limit } = flags;
  const filter = { ...filterOf(flags), settled: all, ...(kind === undefined ? {} : { kinds: [kind] }) };
  const letters = await withDesk(invocation, (desk) => desk.letters.list(filter, after, limit));
  const next = letters.length === limit ? (letters.at(-1)?.letterId ?? null) : null;
  if (json) print(JSON.stringify({ letters, next }));
  else {
    for (const letter of letters) print(headLine(letter));
    if (letters.length === 0) print("No letters.");
    if (next !== null) print(`There may be more: --after ${next}`);
  }
  return exitCodes.fine;
}

async function runShow(invocation: Invocation, place: Place, { raw = false }: { raw?: boolean }): Promise<ExitCode> {
  const { json, print, printBytes } = invocation;
  return withDesk(invocation, async ({ letters, schemas }) => {
    const letter = await letters.at(place);
    if (letter === null) throw new Error(`there is no letter of a record at ${placeText(place)}`);
    if (raw) {
      printBytes(letter.value ?? Buffer.alloc(0));
      return exitCodes.fine;
    }
    const view = await viewOf(schemas, letter);
    if (json) print(jsonOf(view));
    else for (const line of viewLines(view)) print(line);
    return exitCodes.fine;
  });
}

async function runDiscard(
  invocation: Invocation,
  named: readonly Place[],
  { yes = false, reason }: { yes?: boolean; reason?: string },
): Promise<ExitCode> {
  const { json, print, signal } = invocation;
  if (!yes) throw new UsageWrong("nothing will be decided of what is discarded: say --yes if that is meant");
  if (reason !== undefined && reason.length > limits.letterNoteCharsMax) {
    throw new UsageWrong(`--reason takes ${limits.letterNoteCharsMax} characters`);
  }
  return withDesk(invocation, async ({ letters }) => {
    let failed = 0;
    for (const place of named) {
      signal.throwIfAborted();
      const discarded = await letters.settle(place, { outcome: "discarded", because: reason ?? null });
      const outcome = discarded ? "discarded" : ((await letters.at(place))?.outcome ?? "no such letter");
      if (outcome !== "discarded") failed += 1;
      if (json) print(JSON.stringify({ place, outcome }));
      else
        print(`${placeText(place)}  ${discarded || outcome === "no such letter" ? outcome : `was ${outcome} before`}`);
    }
    return failed === 0 ? exitCodes.fine : exitCodes.failed;
  });
}

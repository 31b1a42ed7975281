/** `tallyman parked`: products one of whose commands PostgreSQL refused. Shows what waits for them, and lets them go on. */
import { setTimeout as sleep } from "node:timers/promises";
import { newCommandId } from "../api/command-ids.ts";
import { placeText } from "../dead-letters/letter-places.ts";
import { jsonOf, viewOf } from "../dead-letters/letter-view.ts";
import { resume } from "../dead-letters/resume.ts";
import type { ResumeEnd, ResumeStep } from "../dead-letters/resume.ts";
import { limits } from "../limits.ts";
import type { LetterHead, ParkedProduct } from "../stores/dead-letter-store.ts";
import { wholeNumber } from "./command-line.ts";
import type { CommandLine, Invocation } from "./command-line.ts";
import { exitCodes, UsageWrong } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { withDesk, withLog } from "./letter-desk.ts";
import { headLine, timeText } from "./letter-text.ts";

type LimitFlag = { readonly limit: number };
type ResumeFlags = { readonly discardRefused?: boolean; readonly yes?: boolean; readonly wait: number };

export function registerParked({ program, runs }: CommandLine): void {
  const parked = program
    .command("parked")
    .summary("parked products: show what waits for them, let them go on")
    .description(
      "Products one of whose commands PostgreSQL refused: their later commands wait until they are resumed.",
    );
  const limit = wholeNumber(1, limits.lettersShownMax);
  parked
    .command("list")
    .description("Lists parked products, the one first that is parked longest.")
    .option("--limit <count>", "products to show", limit, limits.parkedShown)
    .action(runs(runList));
  parked
    .command("show")
    .description("Shows why a product is parked, and the commands that wait for it: what was refused first.")
    .argument("<product>")
    .option("--limit <count>", "commands to show", limit, limits.lettersShown)
    .action(runs(runShow));
  parked
    .command("resume")
    .description(
      "Decides the commands that wait, in the order in which they came, and lets the product go on. Where one is refused again, says which " +
        "one, and ends with 1; what came before it is decided then.",
    )
    .argument("<product>")
    .option("--discard-refused", "give up each command that is refused again; nothing will be decided of it")
    .option("--yes", "I mean it: goes with --discard-refused")
    .option(
      "--wait <seconds>",
      "how long each ResumeProduct may take to be decided",
      wholeNumber(1, limits.resumeWaitSecondsMax),
      limits.resumeWaitSeconds,
    )
    .action(runs(runResume));
}

function parkedLine({ productId, parkedAt, waiting, because }: ParkedProduct): string {
  return `${productId}  since ${timeText(parkedAt)}, ${waiting} waiting: ${because}`;
}

async function runList(invocation: Invocation, { limit }: LimitFlag): Promise<ExitCode> {
  const { json, print } = invocation;
  const products = await withDesk(invocation, ({ letters }) => letters.parked(limit));
  if (json) print(JSON.stringify({ products }));
  else for (const product of products) print(parkedLine(product));
  if (!json && products.length === 0) print("No product is parked.");
  return exitCodes.fine;
}

async function runShow(invocation: Invocation, productId: string, { limit }: LimitFlag): Promise<ExitCode> {
  const { json, print, signal } = invocation;
  return withDesk(invocation, async ({ letters, schemas }) => {
    const product = await letters.parkedProduct(productId);
    if (product === null) throw new Error(`${productId} is not parked`);
    const heads = await letters.list({ productId, kinds: ["refused", "waiting"] }, 0, limit);
    const culpritFirst = heads.toSorted((a, b) => Number(b.kind === "refused") - Number(a.kind === "refused"));
    const commands: { letter: LetterHead; content: unknown }[] = [];
    for (const head of culpritFirst) {
      signal.throwIfAborted();
      const letter = await letters.at(head);
      if (letter !== null) commands.push({ letter: head, content: (await viewOf(schemas, letter)).content });
    }
    if (json) {
      print(jsonOf({ ...product, commands }));
      return exitCodes.fine;
    }
    print(parkedLine(product));
    for (const { letter, content } of commands) {
      print(headLine(letter));
      print(`  ${jsonOf(content)}`);
    }
    if (commands.length < product.waiting) print(`and ${product.waiting - commands.length} more`);
    return exitCodes.fine;
  });
}

async function runResume(
  invocation: Invocation,
  productId: string,
  { discardRefused = false, yes = false, wait }: ResumeFlags,
): Promise<ExitCode> {
  const { json, print, signal } = invocation;
  if (discardRefused && !yes) {
    throw new UsageWrong("nothing will be decided of what --discard-refused gives up: say --yes if that is meant");
  }
  const end = await withDesk(invocation, (desk) =>
    withLog(invocation, desk, ({ appender, codec, partitionOf }) =>
      resume(
        {
          ...desk,
          send: async (command) => {
            const partition = await partitionOf(command.productId);
            const [offset = 0] = await appender.append([
              { partition, key: command.productId, value: codec.encode(command) },
            ]);
            return { partition, offset };
          },
          newCommandId,
          now: Date.now,
          sleep: (ms) => sleep(ms),
          tell: (step) => {
            if (!json) print(stepLine(step));
          },
          signal,
          waitMs: wait * 1_000,
          limits,
        },
        productId,
        discardRefused,
      ),
    ),
  );
  if (json) print(JSON.stringify({ productId, ...end }));
  else for (const line of endLines(productId, end)) print(line);
  return end.end === "resumed" || end.end === "not_parked" ? exitCodes.fine : exitCodes.failed;
}

function stepLine(step: ResumeStep): string {
  if (step.step === "decided") return `${step.commands} decided, ${step.waiting} waiting`;
  if (step.step === "discarded") return `given up: ${headLine(step.letter)}`;
  return step.suspects > 1 ? `refused: one of the first ${step.suspects}` : "refused: the first one";
}

function* endLines(productId: string, end: ResumeEnd): Generator<string> {
  const done = `${end.decided} commands decided, ${end.discarded} given up`;
  switch (end.end) {
    case "resumed":
      yield `${productId} goes on: ${done}.`;
      return;
    case "not_parked":
      yield `${productId} is not parked.`;
      return;
    case "not_decided":
      yield (
        `Nobody has decided the ResumeProduct ${end.commandId} yet (${done}). It is on the log, at ${placeText(end.place)}, and will be ` +
        `decided when a processor comes to it: see /readyz of the processors, then tallyman parked list.`
      );
      return;
    case "all_refused":
      yield `${productId} stays parked: PostgreSQL refuses one command after another (${done}). Look for what was changed there.`;
      return;
    case "in_the_way":
      yield `${productId} stays parked: ${done}, and the next is refused.`;
      yield* wayLines(productId, end.letter);
  }
}

function* wayLines(productId: string, letter: LetterHead | null): Generator<string> {
  if (letter === null) {
    yield "Nothing waits for it. The log of its partition's processor says what PostgreSQL refuses.";
    return;
  }
  yield headLine(letter);
  if (letter.kind === "waiting") yield "The log of its partition's processor says what PostgreSQL refuses.";
  const place = placeText(letter);
  yield (
    `Mend what refuses it and resume again; or give it up: tallyman dlq discard ${place} --yes, then resume again, or at once: ` +
    `tallyman parked resume ${productId} --discard-refused --yes`
  );
}

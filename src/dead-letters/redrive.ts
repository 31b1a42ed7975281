/**
 * Sends what could not be decoded once more, as a new command that names the record it comes from.
 *
 * Who owns what: the log has the command, the row of the letter says that it was sent. The log comes first: a crash between the
 * two leaves a letter that looks unsent, and sending it again appends the same command id, which is decided once (P1).
 *
 * I1 A letter that something became of is never sent.
 * I2 The id and the key follow from the letter and its product alone. The partition is the one that the product has now, which
 *    after a growth may be another one than the letter's.
 * I3 One append is in flight; letters are sent in the order in which they came, so that those of a product keep their order.
 */
import type { LogAppender } from "../log/log.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { Command } from "../schemas/commands.ts";
import { readLoosely } from "../schemas/loose-records.ts";
import type { SchemaSource } from "../schemas/schema-source.ts";
import type { DeadLetterStore, KeptLetter } from "../stores/dead-letter-store.ts";
import type { Place } from "../stores/ledger-store.ts";
import { placeText, redriveId, redrivenFromHeader } from "./letter-places.ts";
import { mend } from "./mending.ts";
import type { MendFault, Setting } from "./mending.ts";

export type ReadingDeps = {
  readonly letters: Pick<DeadLetterStore, "at">;
  readonly schemas: Pick<SchemaSource, "schemaById">;
};

export type RedriveDeps = ReadingDeps & {
  readonly letters: Pick<DeadLetterStore, "at" | "settle">;
  readonly codec: Pick<CommandCodec, "encode">;
  readonly appender: Pick<LogAppender, "append">;
  readonly topic: string;
  /** Where the product's next command belongs. Rejects where that can't be told. */
  readonly partitionOf: (productId: string) => Promise<number>;
};

/** Why a letter is not sent. `redriven` is the one that is as wanted. */
export type NotSent = {
  readonly code: MendFault | "no_such_letter" | "parked" | "redriven" | "discarded" | "resumed";
  readonly says: string;
};

export type Ready = { readonly place: Place; readonly command: Command };
export type LetterFate = { readonly place: Place } & (
  { readonly sent: Command; readonly to: Place } | { readonly notSent: NotSent }
);

/** The command that the letter at this place would be sent as, or why it would not. Rejects as the ports do. */
export async function prepare(
  { letters, schemas }: ReadingDeps,
  place: Place,
  settings: readonly Setting[],
): Promise<Ready | { readonly place: Place; readonly notSent: NotSent }> {
  const letter = await letters.at(place);
  const notSent = letter === null ? noLetter : obstacle(letter); // I1
  if (notSent !== undefined || letter === null) return { place, notSent: notSent ?? noLetter };
  const mended = mend(await readLoosely(schemas, letter.value), settings, redriveId(place)); // I2
  return mended.kind === "command" ? { place, command: mended.command } : { place, notSent: mended };
}

const noLetter: NotSent = { code: "no_such_letter", says: "there is no letter of a record at this place" };

function obstacle({ kind, outcome, redrivenAs, productId }: KeptLetter): NotSent | undefined {
  if (outcome === "redriven") return { code: outcome, says: `it was redriven as ${String(redrivenAs)} before` };
  if (outcome !== null) return { code: outcome, says: `it was ${outcome} before` };
  if (kind === "undecodable") return undefined;
  return {
    code: "parked",
    says: `it is a command of a parked product, which decides it when it goes on: tallyman parked resume ${String(productId)}`,
  };
}

/** Rejects as the ports do; then the letter may have been sent, and is to be redriven again. */
export async function redrive(deps: RedriveDeps, place: Place, settings: readonly Setting[]): Promise<LetterFate> {
  const ready = await prepare(deps, place, settings);
  if ("notSent" in ready) return ready;
  const { command } = ready;
  const partition = await deps.partitionOf(command.productId);
  const headers = { [redrivenFromHeader]: `${deps.topic}:${placeText(place)}` };
  const [offset = 0] = await deps.appender.append([
    { partition, key: command.productId, value: deps.codec.encode(command), headers },
  ]);
  const isMine = await deps.letters.settle(place, { outcome: "redriven", redrivenAs: command.commandId });
  if (!isMine) {
    const now = (await deps.letters.at(place))?.outcome ?? "redriven";
    // Another run of this command has sent the same id; that is as wanted too.
    if (now !== "redriven") {
      const says = `it was ${now} while it was being sent: it is on the log, as ${command.commandId}, and will be decided`;
      return { place, notSent: { code: now, says } };
    }
  }
  return { place, sent: command, to: { partition, offset } };
}

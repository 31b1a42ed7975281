/** Reads the commands that wait for parked products, for a ResumeProduct that is about to be decided (P13). */
import { limits } from "../limits.ts";
import type { ResumeProduct } from "../schemas/commands.ts";
import type { DeadLetter } from "../stores/ledger-store.ts";
import type { Waiting } from "./decide-group.ts";
import type { ProcessorDeps } from "./processor-deps.ts";

/** By product; undefined where a letter can't be read as a command. Rejects as the store does, or `SchemaSourceUnavailable`. */
export async function readWaiting(
  store: Pick<ProcessorDeps["store"], "waiting">,
  codec: Pick<ProcessorDeps["codec"], "decode" | "learn">,
  resumes: readonly Pick<ResumeProduct, "productId" | "commandsMax">[],
): Promise<Map<string, Waiting | undefined>> {
  const wanted = new Map<string, number>();
  for (const { productId, commandsMax } of resumes) {
    // Several of one product in a group decide together what they would one by one, within the bound of one.
    wanted.set(productId, Math.min(commandsMax + (wanted.get(productId) ?? 0), limits.resumeCommandsMax));
  }
  const waiting = new Map<string, Waiting | undefined>();
  for (const [productId, most] of wanted) {
    const letters = await store.waiting(productId, most + 1);
    waiting.set(productId, await decodeAll(codec, letters.slice(0, most), letters.length > most));
  }
  return waiting;
}

async function decodeAll(
  codec: Pick<ProcessorDeps["codec"], "decode" | "learn">,
  letters: readonly DeadLetter[],
  more: boolean,
): Promise<Waiting | undefined> {
  const commands: Waiting["commands"][number][] = [];
  for (const { key, value, partition, offset } of letters) {
    let decoded = codec.decode(key, value);
    if (decoded.kind === "unknown_schema") {
      await codec.learn(decoded.schemaId);
      decoded = codec.decode(key, value);
    }
    if (decoded.kind !== "command") return undefined;
    commands.push({ command: decoded.command, place: { partition, offset } });
  }
  return { commands, more };
}

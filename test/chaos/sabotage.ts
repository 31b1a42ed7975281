/**
 * What shows that a run can fail: guards taken out of a copy of the program, and books tampered with when all is quiet. Each
 * names the checks of which one at least must complain.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { localFolder, root } from "../../local/paths.ts";
import type { CheckNumber } from "./auditor/judge.ts";
import { withDatabase } from "./aftermath.ts";
import type { World } from "./campaign.ts";

/** In the copy: a text that must be there exactly once, and what takes its place. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

export type Sabotage = {
  readonly finds: readonly CheckNumber[];
  readonly edits?: readonly Edit[];
  /** When all is decided, before anything is compared. */
  readonly tamper?: (world: World) => Promise<void>;
};

const sql =
  (text: string) =>
  ({ tallyman }: World): Promise<void> =>
    withDatabase(tallyman.databaseUrl, async (database) => {
      const { rowCount } = await database.query(text);
      if (rowCount !== 1) throw new Error(`the tampering changes ${String(rowCount)} rows: ${text}`);
    });

const oneOrder = `(select command_id from ledger where type = 'PlaceOrder' and status = 'accepted' limit 1)`;

export const sabotages: Readonly<Record<string, Sabotage>> = {
  "line-changed": {
    finds: ["C3", "C4"],
    tamper: sql(`update ledger set delta = delta - 1 where command_id = ${oneOrder}`),
  },
  "line-deleted": { finds: ["C2", "C3"], tamper: sql(`delete from ledger where command_id = ${oneOrder}`) },
  "stock-changed": {
    finds: ["C4"],
    tamper: sql("update stock set quantity = quantity + 1 where product_id = 'chaos-1'"),
  },
  // An offset of effects that is set back is saved again by the owner, before anybody looks.
  "epoch-set-back": { finds: ["C3"], tamper: sql("update partitions set epoch = 0 where partition = 0") },
  "quantity-in-redis": {
    finds: ["C6"],
    tamper: async ({ redis }) => {
      await redis.set("product:chaos-1:quantity", "7");
    },
  },
  "acknowledgement-invented": {
    finds: ["C1", "C2"],
    tamper: ({ load }) => {
      const order = load.commands.find(({ kind, ackedAt }) => kind === "order" && ackedAt !== null);
      if (order !== undefined) load.commands.push({ ...order, id: "00000000-0000-4000-8000-000000000000" });
      return Promise.resolve();
    },
  },

  "answer-before-ack": {
    finds: ["C1", "C2"],
    edits: [
      {
        file: "api/routes/place-order.ts",
        find: "const { partition, offset } = await log.append(command);",
        replace: `log.append(command).catch(() => undefined);
      if (waiter === null) return await sendOrder(reply, 202, pendingOrder(command, log.partitionOf(command), null));
      const { partition, offset } = await log.append(command);`,
      },
    ],
  },
  "new-id-for-each-repeat": {
    finds: ["C2"],
    edits: [
      {
        file: "api/routes/stock-commands.ts",
        find: "key === undefined ? newCommandId() : keyedId(operation, key)",
        replace: "newCommandId() ?? keyedId(operation, key ?? '')",
      },
    ],
  },
  "commits-not-durable": {
    finds: ["C2", "C3"],
    edits: [
      { file: "stores/postgres/pool.ts", find: 'synchronous_commit: "on"', replace: 'synchronous_commit: "off"' },
    ],
  },
  "records-skipped": {
    finds: ["C2"],
    edits: [
      {
        file: "processors/intake.ts",
        find: "if (record.offset < tail) continue;",
        replace: "if (record.offset < tail || record.offset % 300 === 299) continue;",
      },
    ],
  },
  "archived-sold": {
    finds: ["C4"],
    edits: [
      {
        file: "processors/stock.ts",
        find: 'if (stock.archived === true) return refused(line, stock, "product_archived");',
        replace: "",
      },
    ],
  },
  "packing-not-kept": {
    finds: ["C4"],
    edits: [
      {
        file: "processors/stock.ts",
        find: 'line: { ...order, fulfilment: "packed", revision: order.revision + 1 },',
        replace: "line: { ...order, revision: order.revision + 1 },",
      },
    ],
  },
  "apis-disagree-on-partitions": {
    finds: ["C5"],
    edits: [
      {
        file: "partitioning/partition-of.ts",
        find: "(murmur2OfString(productId) & 0x7fffffff) % partitionCount",
        replace:
          "((murmur2OfString(productId) & 0x7fffffff) + (process.env.INSTANCE_ID === 'api-2' ? 1 : 0)) % partitionCount",
      },
    ],
  },
  "effects-not-read-back": {
    finds: ["C6"],
    edits: [
      {
        file: "processors/outlet.ts",
        find: "for (const { lease } of parts) this.#behind.add(lease); // I2",
        replace: "for (const { lease, to } of parts) told(lease).done = to;",
      },
    ],
  },
  "consumer-not-started-again": {
    finds: ["C7"],
    edits: [
      {
        file: "log/kafka/source.ts",
        find: "restartTimer = setTimeout(launch, delayMs);",
        replace: "void [launch, delayMs];",
      },
    ],
  },
  "crash-without-postgres": {
    finds: ["C8"],
    edits: [
      {
        file: "stores/postgres/pool.ts",
        find: 'pool.on("error", onIdleError);',
        replace: 'pool.on("error", () => process.exit(1));',
      },
    ],
  },
  "memory-kept": {
    finds: ["C9"],
    edits: [
      {
        file: "api/routes/place-order.ts",
        find: "const given = givenId(",
        replace:
          "((globalThis as { kept?: unknown[] }).kept ??= []).push(Buffer.alloc(12_000, 1));\n    const given = givenId(",
      },
    ],
  },
  "wrong-version-told": {
    finds: ["C3"],
    edits: [
      {
        file: "api/command-answers.ts",
        find: "version: outcome?.version ?? null,",
        replace: "version: outcome === null ? null : outcome.version + 1,",
      },
    ],
  },
  "pending-not-said": {
    finds: ["C12"],
    edits: [
      {
        file: "api/order-finder.ts",
        find: "if (!(await proveAbsence())) return unproven;",
        replace: "await proveAbsence();",
      },
    ],
  },
};

/** Makes the copy, in which `node_modules` are found as they are from here; returns its program. */
export function sabotagedMain(name: string, { edits = [] }: Sabotage): string | undefined {
  if (edits.length === 0) return undefined;
  const folder = path.join(localFolder, "chaos-sabotage", name);
  rmSync(folder, { recursive: true, force: true });
  for (const each of ["src", "avro", "package.json"]) {
    cpSync(path.join(root, each), path.join(folder, each), { recursive: true });
  }
  for (const edit of edits) {
    const place = path.join(folder, "src", edit.file);
    writeFileSync(place, edited(readFileSync(place, "utf8"), edit));
  }
  return path.join(folder, "src", "main.ts");
}

export function edited(text: string, { file, find, replace }: Edit): string {
  if (text.split(find).length !== 2) throw new Error(`${file} does not have exactly once: ${find}`);
  return text.replace(find, () => replace);
}

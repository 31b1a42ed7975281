/**
 * Guards, and what the world is like without each: mutants that the simulation must find, or it proves nothing. Where two guards
 * cover one hole, the other one (a sibling) is taken out too; a world without the sibling alone must keep every invariant.
 */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

export type Mutant = {
  readonly name: string;
  /** What is taken out. */
  readonly about: string;
  readonly edits: readonly Edit[];
  /** Guards that cover the same hole. */
  readonly siblings?: readonly Edit[];
  /** Found in the small world of cached quantities: it takes more chances at once than a whole Tallyman has in thousands of worlds. */
  readonly small?: true;
  /** A world in which it shows: found by `npm run simulate -- --mutant NAME`. */
  readonly seed: number;
};

const ledger = "src/stores/memory/ledger-store.ts";
const cache = "src/stores/memory/effects-cache.ts";
const outlet = "src/processors/outlet.ts";
const groupCommit = "src/processors/group-commit.ts";
const groupAttempt = "src/processors/group-attempt.ts";
const decideGroup = "src/processors/decide-group.ts";
const partitionProcessor = "src/processors/partition-processor.ts";

const noEpoch: Edit = { file: ledger, find: 'guards("epoch") &&', replace: "false &&" };
const noOffset: Edit = { file: ledger, find: 'guards("offset") &&', replace: "false &&" };
const noVersion: Edit = {
  file: ledger,
  find: 'if (guards("version") && (stock.get(productId)?.version ?? 0) !== readVersion) throw new CommitRefused("stale");\n      if (guards("parked") && parked.has(productId))',
  replace: 'if (guards("parked") && parked.has(productId))',
};
const noDuplicate: Edit = { file: ledger, find: 'guards("duplicate") &&', replace: "false &&" };

const fillsLate: Edit = {
  file: cache,
  find: 'if (known !== epoch && (guards("epoch") || known < 0)) return',
  replace: "if (false) return",
};

const noMoment: Edit = { file: cache, find: '!guards("moment") ||', replace: "true ||" };

export const mutants: readonly Mutant[] = [
  {
    name: "epoch",
    about: "a stale owner commits where its lease stands (P4, P10)",
    edits: [noEpoch],
    siblings: [noOffset],
    seed: 741124925,
  },
  {
    name: "offset",
    about: "a commit that arrives late is done a second time (P4)",
    edits: [noOffset],
    seed: 1472897717,
  },
  {
    name: "version",
    about: "two owners of one product don't see each other's changes (P5)",
    edits: [noVersion],
    seed: 316016752,
  },
  {
    name: "version-on-refusal",
    about: "a product that was only read to refuse is not checked (P5)",
    edits: [
      {
        file: ledger,
        find: 'for (const { productId, readVersion } of group.stock) {\n      if (guards("version") &&',
        replace:
          "for (const { productId, readVersion, after } of group.stock) {\n      if ((after?.version ?? 0) !== readVersion &&",
      },
    ],
    seed: 1193576157,
  },
  {
    name: "duplicate",
    about: "a command id is decided that is there already (P6)",
    edits: [noDuplicate],
    seed: 1040090783,
  },
  {
    name: "unique-in-group",
    about: "a command id that comes twice in one group is decided twice (P6)",
    edits: [
      {
        file: decideGroup,
        find: "const line = working.line(command.commandId);",
        replace: "const line = this.#known.found.lines.get(command.commandId);",
      },
    ],
    seed: 1449699029,
  },
  {
    name: "order-in-group",
    about: "a cancel does not see the order that its own group places (P8)",
    edits: [
      {
        file: decideGroup,
        find: "working.line(command.orderId) : undefined",
        replace: "this.#known.found.lines.get(command.orderId) : undefined",
      },
    ],
    seed: 1880826304,
  },
  {
    name: "memory-before-commit",
    about: "memory changes when a group is decided, and stays changed when it is refused (P8)",
    edits: [
      {
        file: groupAttempt,
        find: "return { ...outcome.group.write, advances: advancesOf(outcome.live) };",
        replace:
          "for (const { productId, stock } of outcome.group.products) for (const { lease } of chunks) if (stock !== undefined) lease.stock.set(productId, stock);\n    return { ...outcome.group.write, advances: advancesOf(outcome.live) };",
      },
    ],
    siblings: [noVersion],
    seed: 265666975,
  },
  {
    name: "memory-after-lost-answer",
    about: "memory is believed after a commit whose answer was lost (P9)",
    edits: [{ file: groupCommit, find: "lease.stock.clear();\n      for (const chunk", replace: "for (const chunk" }],
    siblings: [noVersion],
    seed: 1944310010,
  },
  {
    name: "lost-answer",
    about: "after an answer that is lost, the store is not asked where the partitions stand (P9)",
    edits: [{ file: groupCommit, find: "chunks = await this.#reconcile(chunks);", replace: "" }],
    seed: 372325668,
  },
  {
    name: "gap",
    about: "a range that begins above what comes next is taken in (P4)",
    edits: [
      {
        file: partitionProcessor,
        find: "if (range.from > position || range.to <= position) {",
        replace: "if (range.to <= position) {",
      },
    ],
    siblings: [noOffset],
    seed: 1952107443,
  },
  {
    name: "effects-offset",
    about: "effects count as done before they are (P15)",
    edits: [
      {
        file: outlet,
        find: "const again = await tell(",
        replace: "for (const { lease, to } of parts) told(lease).done = to;\n      const again = await tell(",
      },
    ],
    seed: 234464267,
  },
  {
    name: "effects-behind",
    about: "effects of a lease that fell behind go on beyond what failed (P15)",
    edits: [
      { file: outlet, find: "!lease.isAborted() && !this.#behind.has(lease));", replace: "!lease.isAborted());" },
      {
        file: outlet,
        find: "if (!lease.isAborted() && !this.#behind.has(lease)) told(lease)",
        replace: "if (!lease.isAborted()) told(lease)",
      },
    ],
    seed: 349157409,
  },
  {
    name: "decisions-unsettled",
    about: "decisions count as told before the topic has them (P15)",
    edits: [
      {
        file: "src/processors/decisions-outlet.ts",
        find: "await this.#topic.append(batch); // I1",
        replace: "this.#topic.append(batch).catch(() => undefined);",
      },
    ],
    seed: 1,
  },
  {
    name: "refill-token",
    about: "a reader refills what an owner has written since it looked (P16)",
    edits: [{ file: cache, find: 'if (guards("token") && tokens.get(productId) !== token) return;', replace: "" }],
    small: true,
    seed: 12141,
  },
  {
    name: "late-owner-fills",
    about: "an owner of an older epoch fills a cache that was emptied (P16)",
    edits: [fillsLate],
    small: true,
    seed: 62846,
  },
  {
    name: "cached-version",
    about: "an older quantity is written over a newer one (P16)",
    edits: [
      { file: cache, find: 'if (guards("version") && version < (versions.get(productId) ?? -1)) return;', replace: "" },
    ],
    siblings: [fillsLate, noMoment],
    seed: 1568233204,
  },
  {
    name: "foreign-home",
    about: "an owner writes the quantity of a product that is at home elsewhere (P16)",
    edits: [
      { file: cache, find: 'const isHome = (effect.isHome || !guards("home")) &&', replace: "const isHome = true ||" },
    ],
    small: true,
    seed: 3425,
  },
  {
    name: "hold",
    about: "commands of products that move are sent to the new partition before the old one is decided (P19)",
    edits: [
      {
        file: "src/api/map-belief.ts",
        find: "return partitionOf(productId, map.growth.toCount) === partition ? partition : undefined;",
        replace: "return partitionOf(productId, map.growth.toCount);",
      },
    ],
    seed: 1325238719,
  },
  {
    name: "map-lease",
    about: "an ingress believes the partition map for ever (P19)",
    edits: [
      {
        file: "src/api/map-belief.ts",
        find: "return clock.monotonic() - at.monotonic <= mapLeaseMs && wallMs >= 0 && wallMs <= mapLeaseMs;",
        replace: "return wallMs < Infinity;",
      },
    ],
    seed: 1068690633,
  },
  {
    name: "cut",
    about: "the new partition map counts before the old partitions are decided (P19)",
    edits: [
      {
        file: "src/growth/growth-driver.ts",
        find: 'if (partitions.length > 0) return waiting({ for: "decisions", records, partitions });',
        replace: "void records; void partitions;",
      },
    ],
    seed: 1214875032,
  },
  {
    name: "parked",
    about: "an owner does not see that another one parked the product (P13)",
    edits: [
      {
        file: ledger,
        find: 'if (guards("parked") && parked.has(productId)) throw new CommitRefused("stale");',
        replace: "",
      },
      {
        file: ledger,
        find: 'if (guards("parked") && parked.has(productId) !== wasParked)',
        replace: "if (wasParked === undefined)",
      },
      { file: ledger, find: 'if (guards("parked") && waits.some', replace: "if (waits.length < 0 && waits.some" },
    ],
    seed: 1607753953,
  },
  {
    name: "archived-at-hand-over",
    about: "an owner that reads a product does not learn that it is archived",
    edits: [
      {
        file: ledger,
        find: "stock: pick(stock, wanted.productIds),",
        replace:
          "stock: new Map([...pick(stock, wanted.productIds)].map(([id, { quantity, version }]) => [id, { quantity, version }])),",
      },
    ],
    seed: 2061411874,
  },
  {
    name: "archived-with-the-next-decision",
    about: "a product is archived for no longer than until its next decision",
    edits: [{ file: "src/processors/stock.ts", find: "return before?.archived === true;", replace: "return false;" }],
    seed: 1339250872,
  },
  {
    name: "archived-without-a-version",
    about: "archiving takes no version, so that owners who have the product in memory don't notice (P5)",
    edits: [
      {
        file: "src/processors/stock.ts",
        find: "return accepted(line, stock, 0);",
        replace: "return unchanged(line, stock);",
      },
    ],
    seed: 926763502,
  },
  {
    name: "packing-ignores-a-cancel",
    about: "an order is packed that is cancelled (P12)",
    edits: [
      {
        file: "src/processors/stock.ts",
        find: 'if (order.status === "cancelled") return decided(refused(named, stock, "order_already_cancelled"));\n  if (order.fulfilment !== null) return decided(refused(named, stock, "already_packed"));\n  if (stock',
        replace: "if (stock",
      },
    ],
    seed: 1962257023,
  },
  {
    name: "cancel-ignores-a-packing",
    about: "an order is cancelled that is packed (P12)",
    edits: [
      {
        file: "src/processors/stock.ts",
        find: 'if (order.fulfilment !== null) return decided(refused(named, stock, "already_packed"));\n  // Possible',
        replace: "// Possible",
      },
    ],
    seed: 1150712408,
  },
  {
    name: "absence-proof",
    about: "an order is called unknown before the log is decided (P17)",
    edits: [
      { file: "src/api/absence-proof.ts", find: "if ([...ends].every(", replace: "if (true || [...ends].every(" },
    ],
    seed: 1999963772,
  },
  {
    name: "unknown-fate",
    about: "an append whose fate is unknown is acknowledged (P18)",
    edits: [
      {
        file: "src/api/order-writer.ts",
        find: 'for (const entry of batch) refuse(entry, error, "log_unavailable"); // I5',
        replace: "void error; for (const entry of batch) entry.resolve(0);",
      },
    ],
    seed: 651777028,
  },
  {
    name: "resume-when-low",
    about: "a partition that was paused for being full is not resumed",
    edits: [{ file: partitionProcessor, find: "for (const lease of leases) this.#resumeWhenLow(lease);", replace: "" }],
    seed: 351261001,
  },
];

/** What the contract suite of the ledger store needs: a store to break, a look at all that it holds, and groups to write. */
import assert from "node:assert/strict";
import { expect } from "vitest";
import type { Line } from "../../src/schemas/lines.ts";
import { CommitRefused } from "../../src/stores/ledger-store.ts";
import type { Advance, Claim, DeadLetter, GroupWrite, LedgerStore } from "../../src/stores/ledger-store.ts";
import type { Hand } from "../../src/stores/memory/ledger-store.ts";
import { movementLine, uuidOf } from "../support/commands.ts";

export type LedgerWorld = AsyncDisposable & {
  readonly store: LedgerStore;
  /** All that is stored, comparable. */
  everything(): Promise<unknown>;
  deadLetters(): Promise<readonly DeadLetter[]>;
  /** What is said of a partition that was claimed, besides its progress. */
  hand(partition: number): Promise<Hand>;
};
/** Makes an empty store. */
export type CreateWorld = () => Promise<LedgerWorld>;

export function group(fields: Partial<GroupWrite>): GroupWrite {
  const nothing = { advances: [], stock: [], lines: [], changes: [], linesRead: [] };
  return { ...nothing, deadLetters: [], parked: [], resumed: [], ...fields };
}

/** From where the claim stands to `to`. */
export function step(
  { partition, epoch, nextOffset }: Omit<Claim, "last" | "decisionsOffset">,
  to: number,
  effectsOffset = 0,
): Advance {
  return { partition, epoch, from: nextOffset, to, effectsOffset, last: null };
}

export async function claimOne(store: LedgerStore, partition = 0): Promise<Claim> {
  const [claim] = await store.claim([partition], "owner");
  assert(claim !== undefined);
  return claim;
}

/** Claims the partition again, for a store that holds `stock` units of p1 at version 1. */
export async function withStock(store: LedgerStore, quantity: number, partition = 0): Promise<Claim> {
  const claim = await claimOne(store, partition);
  const line = movementLine({ commandId: uuidOf(1_000), quantity, delta: quantity, stockAfter: quantity, partition });
  await store.commit(
    group({
      advances: [step(claim, 1)],
      stock: [{ productId: "p1", readVersion: 0, after: { quantity, version: 1 } }],
      lines: [line],
    }),
  );
  return { ...claim, nextOffset: 1 };
}

export async function storedStock(store: LedgerStore, productId = "p1") {
  return (await store.prefetch({ productIds: [productId], commandIds: [], versions: [] })).stock.get(productId);
}

/** The commit is refused for this reason, and nothing at all is written. */
export async function expectRefused(
  world: LedgerWorld,
  because: CommitRefused["because"],
  commit: (store: LedgerStore) => Promise<unknown>,
): Promise<void> {
  const before = await world.everything();
  const error = await commit(world.store).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CommitRefused);
  expect(error).toMatchObject({ because });
  expect(await world.everything()).toEqual(before);
}

/** How many were fulfilled, and why the others were not. */
export async function outcomes(commits: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(commits);
  return settled.map((each) => (each.status === "fulfilled" ? "committed" : reasonOf(each.reason))).toSorted();
}

function reasonOf(error: unknown): string {
  return error instanceof CommitRefused ? error.because : String(error);
}

/** A line as the store gives it back, but for the time when it was decided. */
export function content(line: Line | undefined): object | undefined {
  return line && { ...line, decidedAt: undefined };
}

/** A parked product that is resumed, against an owner in memory that decides as the real one does: refused commands hold up those behind. */
import { beforeEach, expect, test } from "vitest";
import { resume } from "../../src/dead-letters/resume.ts";
import type { ResumeDeps, ResumeStep } from "../../src/dead-letters/resume.ts";
import { limits } from "../../src/limits.ts";
import type { LetterHead } from "../../src/stores/dead-letter-store.ts";
import type { StoredLine } from "../../src/schemas/lines.ts";
import { issuedAt, movementLine, uuidOf } from "../support/commands.ts";

type Waiting = { readonly offset: number; readonly isRefused: boolean };

let waiting: Waiting[];
let parked: boolean;
let decided: number[];
let asked: number[];
let steps: ResumeStep[];
let now: number;
/** Nobody decides. */
let isAway: boolean;
const lines = new Map<string, StoredLine>();

const headOf = ({ offset }: Waiting): LetterHead => ({
  ...{ letterId: offset, partition: 0, offset, kind: "waiting", reason: "product_parked", productId: "p1" },
  ...{ commandId: uuidOf(offset), valueBytes: 1, storedAt: 0 },
  ...{ outcome: null, settledAt: null, redrivenAs: null, settledBecause: null },
});
const resumeLine = (commandId: string, fields: Partial<StoredLine>): StoredLine => ({
  ...{ ...movementLine({ commandId, type: "ResumeProduct" }), decidedAt: issuedAt },
  ...fields,
});

const stop = new AbortController();
const deps: ResumeDeps = {
  letters: {
    parkedProduct: () =>
      Promise.resolve(parked ? { productId: "p1", because: "x", parkedAt: 0, waiting: waiting.length } : null),
    list: (_filter, _after, limit) => Promise.resolve(waiting.slice(0, limit).map(headOf)),
    settle: ({ offset }) => {
      const before = waiting.length;
      waiting = waiting.filter((each) => each.offset !== offset);
      return Promise.resolve(waiting.length < before);
    },
  },
  ledger: { linesById: (ids) => Promise.resolve(new Map([...lines].filter(([id]) => ids.includes(id)))) },
  send: ({ commandId, commandsMax }) => {
    asked.push(commandsMax);
    const some = waiting.slice(0, commandsMax);
    const isRefused = some.some((each) => each.isRefused);
    if (isAway) return Promise.resolve({ partition: 3, offset: 99 });
    if (isRefused)
      lines.set(commandId, resumeLine(commandId, { status: "rejected", reason: "still_refused", quantity: 0 }));
    else {
      decided.push(...some.map(({ offset }) => offset));
      waiting = waiting.slice(some.length);
      parked = waiting.length > 0;
      lines.set(commandId, resumeLine(commandId, { quantity: some.length }));
    }
    return Promise.resolve({ partition: 3, offset: 99 });
  },
  newCommandId: () => uuidOf(10_000 + asked.length),
  now: () => now,
  sleep: (ms) => Promise.resolve((now += ms)),
  tell: (step) => steps.push(step),
  signal: stop.signal,
  waitMs: 5_000,
  limits,
};

/** So many wait; those at the offsets named are refused. */
function park(count: number, ...refused: number[]): void {
  waiting = Array.from({ length: count }, (_, offset) => ({ offset, isRefused: refused.includes(offset) }));
  parked = true;
}

beforeEach(() => {
  [decided, asked, steps, now, isAway] = [[], [], [], 0, false];
  lines.clear();
  park(0);
});

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("all that waits is decided, as many at a time as one command may decide", async () => {
  park(1_200);
  expect(await resume(deps, "p1", false)).toEqual({ end: "resumed", decided: 1_200, discarded: 0 });
  expect(decided).toEqual(upTo(1_200));
  expect(asked).toEqual([500, 500, 500]);
  expect(steps.map((step) => step.step === "decided" && step.waiting)).toEqual([700, 200, 0]);
});

test("a product for which nothing waits goes on, and one that is not parked is left alone", async () => {
  expect(await resume(deps, "p1", false)).toEqual({ end: "resumed", decided: 0, discarded: 0 });
  expect(asked).toHaveLength(1);
  expect(await resume(deps, "p1", false)).toEqual({ end: "not_parked", decided: 0, discarded: 0 });
  expect(asked).toHaveLength(1);
});

test.each([0, 1, 7, 250, 499, 500, 777, 999])(
  "the one in the way, the %sth, is found by halving; what is before it is decided",
  async (at) => {
    park(1_000, at);
    expect(await resume(deps, "p1", false)).toMatchObject({ end: "in_the_way", letter: { offset: at }, decided: at });
    expect(decided).toEqual(upTo(at));
    expect(asked.length).toBeLessThan(25);
  },
);

test("one that waits alone is found by one command", async () => {
  park(1, 0);
  expect(await resume(deps, "p1", false)).toMatchObject({ end: "in_the_way", letter: { offset: 0 } });
  expect(asked).toHaveLength(1);
});

test("where nothing waits and the store refuses all the same, there is nobody to name", async () => {
  park(1, 0);
  const without = { ...deps.letters, list: () => Promise.resolve([]) };
  expect(await resume({ ...deps, letters: without }, "p1", true)).toMatchObject({ end: "in_the_way", letter: null });
});

test("what is refused is given up where that was asked for, and nothing else", async () => {
  park(300, 0, 17, 299);
  expect(await resume(deps, "p1", true)).toEqual({ end: "resumed", decided: 297, discarded: 3 });
  expect(decided).toEqual(upTo(300).filter((offset) => ![0, 17, 299].includes(offset)));
});

test("a store that refuses one after another is suspected itself", async () => {
  park(100, ...upTo(100));
  expect(await resume(deps, "p1", true)).toEqual({
    end: "all_refused",
    decided: 0,
    discarded: limits.discardsInARowMax,
  });
  expect(waiting).toHaveLength(100 - limits.discardsInARowMax);
});

test("a command that nobody decides is told of, with its place, after a while", async () => {
  park(3);
  isAway = true;
  const end = await resume(deps, "p1", false);
  expect(end).toEqual({
    end: "not_decided",
    commandId: uuidOf(10_000),
    place: { partition: 3, offset: 99 },
    decided: 0,
    discarded: 0,
  });
  expect(asked).toHaveLength(1);
  expect(now).toBeGreaterThan(deps.waitMs);
  expect(now).toBeLessThan(deps.waitMs + 2 * limits.resumePollMs);
});

test("one that is stopped sends no more", async () => {
  park(3);
  const signal = AbortSignal.abort(new Error("stopped as asked"));
  await expect(resume({ ...deps, signal }, "p1", false)).rejects.toThrow("stopped as asked");
  expect(asked).toEqual([]);
});

// Every figure of `npm run bench` that is worked out, and not only counted.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createProductDraw, createZipf } from "../../bench/load/distributions.ts";
import { dueBy } from "../../bench/load/open-loop.ts";
import { answerOf } from "../../bench/load/overload.ts";
import { barsOf, renderChart } from "../../bench/report/chart.ts";
import { tableOf, withTable } from "../../bench/report/readme.ts";
import type { Results } from "../../bench/report/results.ts";
import { mediansOf, summarise, summariseMemory } from "../../bench/report/summary.ts";
import { choose } from "../../bench/support/choose.ts";
import { residentOf } from "../../bench/support/memory.ts";
import { percentile, percentilesOf, ratioOf, spreadOf } from "../../bench/support/percentiles.ts";
import { writtenBetween } from "../../bench/support/written.ts";
import { takenOf, unexpected } from "../../bench/works/measure-load.ts";
import { neighboursOf } from "../../bench/works/neighbours.ts";
import { goodputOf } from "../../bench/works/overload.ts";
import { type Measured, type Row, type Sample, noSample } from "../../bench/works/work.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";

describe("percentiles", () => {
  test("are the nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
    expect(percentilesOf(hundred.toReversed())).toEqual({ p50: 50, p99: 99 });
    expect(percentile([1, 2, 3], 0.5)).toBe(2);
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentilesOf([])).toEqual({ p50: 0, p99: 0 });
  });

  test("so large a share is not above, and any smaller value leaves less", () => {
    const values = fc.array(fc.integer(), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (some, share) => {
        const sorted = some.toSorted((a, b) => a - b);
        const found = percentile(sorted, share);
        expect(sorted.filter((value) => value <= found).length).toBeGreaterThanOrEqual(some.length * share);
        expect(sorted.filter((value) => value < found).length).toBeLessThan(some.length * share);
      }),
    );
  });

  test("the spread has the median of an even and of an odd number", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(spreadOf([])).toEqual({ median: 0, min: 0, max: 0 });
  });

  test("a ratio is the median of those in each repetition, not the ratio of the medians", () => {
    expect(ratioOf([10, 200, 30], [10, 100, 10])).toBe(2);
    expect(ratioOf([1, 2], [1])).toBeUndefined();
    expect(ratioOf([1], [0])).toBeUndefined();
    expect(ratioOf([], [])).toBeUndefined();
  });
});

describe("loads", () => {
  test("Zipf: the first is drawn twice as often as the second, and ten times as often as the tenth", () => {
    const draw = createZipf(10, steps(100_000));
    const times = new Array<number>(10).fill(0);
    for (let n = 0; n < 100_000; n += 1) {
      const place = draw();
      times[place] = (times[place] ?? 0) + 1;
    }
    const [first = 0, second = 0] = times;
    expect(first / second).toBeCloseTo(2, 2);
    expect(first / (times[9] ?? 0)).toBeCloseTo(10, 1);
    expect(times.reduce((sum, each) => sum + each, 0)).toBe(100_000);
  });

  test("uniform: each product once before one comes again", () => {
    const ids = ["a", "b", "c", "d"];
    const draw = createProductDraw(ids, "uniform", Math.random);
    expect(ids.map(draw).toSorted()).toEqual(ids);
    expect(ids.map(draw).toSorted()).toEqual(ids);
  });

  test("an open loop owes what its rate says, however late it looks", () => {
    expect(dueBy(0, 1_000, 5)).toBe(1);
    expect(dueBy(0.9, 1_000, 5)).toBe(1);
    expect(dueBy(1, 1_000, 5)).toBe(2);
    expect(dueBy(3.5, 1_000, 5)).toBe(4);
    expect(dueBy(900, 1_000, 5)).toBe(5);
  });

  test("what was taken: answers that store an order, repeats once, refusals for want of stock too", () => {
    const statuses = { "202": 10, "200": 3, "409": 2, "503": 4 };
    expect(takenOf({ statuses, resent: 3 }, 202)).toBe(12);
    expect(takenOf({ statuses: { taken: 50, failed: 5 }, resent: 0 }, 202)).toBe(50);
  });

  test("what no order should get is told", () => {
    const load = { startedAt: 0, endedAt: 1, p50: 0, p99: 0, errors: 0, resent: 3 };
    expect(unexpected({ ...load, statuses: { "202": 10, "200": 3, "503": 7 } }, 202)).toEqual([]);
    expect(unexpected({ ...load, statuses: { "202": 10, "200": 4 } }, 202)).toEqual([
      "4 answers were 200 instead of 202.",
    ]);
    expect(unexpected({ ...load, statuses: { taken: 9, failed: 1 }, errors: 2 }, 201)).toEqual([
      "1 answers were failed instead of 201.",
      "2 orders got no answer.",
    ]);
  });
});

describe("an overload", () => {
  const refusal = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}";

  test("an answer is whole when its body is, and tells whether one may come again", () => {
    expect(answerOf(refusal)).toEqual({ status: "503", hasRetryAfter: true });
    for (let cut = 0; cut < refusal.length; cut += 1) expect(answerOf(refusal.slice(0, cut))).toBeNull();
    const silent = refusal.replace("retry-after: 1\r\n", "").replace("{}", "retry-after: 1");
    expect(answerOf(silent.replace("length: 2", "length: 14"))).toEqual({ status: "503", hasRetryAfter: false });
    expect(() => answerOf("HTTP/1.1 200 OK\r\n\r\n")).toThrow("without a length");
  });

  const overload = {
    kind: "overload",
    url: "",
    seconds: 2,
    connections: 1,
    productIds: [],
    distribution: "uniform",
    headers: {},
    perSecond: 100,
    giveUpMs: 1_000,
  } as const;
  const http = { startedAt: 0, endedAt: 2_500, errors: 0, resent: 0, p50: 1, p99: 1 };
  const counts = { inTime: 80, gaveUp: 30, refusedSilently: 0 };

  test("its goodput is what was taken in time, in a second of it", () => {
    const told = goodputOf({ ...http, statuses: { "202": 100, "503": 70 }, overload: counts }, overload);
    expect([told.perSecond, told.problems]).toEqual([40, []]);
  });

  test("a refusal that does not say when to come again is wrong, and so is an order of which nothing is known", () => {
    const silent = { ...counts, refusedSilently: 3 };
    const told = goodputOf({ ...http, statuses: { "202": 100, "503": 69 }, overload: silent }, overload);
    expect(told.problems).toEqual([
      "3 refusals had no Retry-After.",
      "1 of 200 orders that were due are not accounted for.",
    ]);
  });
});

test("neighbours share the hot product's partition", () => {
  const [own, ...others] = ["hot", ...neighboursOf("hot", 5)].map((id) => partitionOf(id, 12));
  expect(others).toEqual(Array(5).fill(own));
});

const row = (key: string, more: Partial<Row> = {}): Row => {
  return { key, title: `row ${key}`, unit: "orders/s", ratios: [], ...more };
};
const sampleOf = (value: number, more: Partial<Sample> = {}): Sample => ({ ...noSample, value, ...more });
const measured = (rowKey: string, contender: string, sample: Sample): Measured => {
  return { row: rowKey, contender, title: contender.toUpperCase(), sample };
};

describe("a summary", () => {
  const single = row("single", { ratios: [{ contender: "a", rows: ["single"], atLeast: 1.5 }], atMost: 25 });
  const many = row("many", { ratios: [{ contender: "a", rows: ["single", "other"], atLeast: 6 }] });
  const works = [{ key: "posts", rows: [single, row("other"), many] }];
  const repetitions = [
    [
      measured("single", "us", sampleOf(10)),
      measured("single", "a", sampleOf(10)),
      measured("other", "a", sampleOf(20)),
      measured("many", "us", sampleOf(100)),
    ],
    [
      measured("single", "us", sampleOf(40)),
      measured("single", "a", sampleOf(10)),
      measured("other", "a", sampleOf(5)),
      measured("many", "us", sampleOf(60)),
    ],
  ];
  const lines = summarise(works, repetitions, "us");
  const find = (rowKey: string, contender: string) =>
    lines.find((line) => line.row === rowKey && line.contender === contender);

  test("holds each contender against another one's same row, and nobody against itself", () => {
    expect(find("single", "us")).toMatchObject({
      title: "US",
      repetitions: 2,
      spread: { median: 25, min: 10, max: 40 },
      ratios: [{ to: "a", value: 2.5 }],
    });
    expect(find("single", "a")?.ratios).toEqual([]);
  });

  test("holds against the best of several rows, in each repetition", () => {
    expect(find("many", "us")?.ratios).toEqual([{ to: "a", value: (100 / 20 + 60 / 10) / 2 }]);
  });

  test("judges the goals of one contender alone", () => {
    expect(find("single", "us")?.goals).toEqual([
      { text: "at most 25 orders/s", isMet: true },
      { text: "at least 1.5 of a", isMet: true },
    ]);
    expect(find("many", "us")?.goals).toEqual([{ text: "at least 6 of a", isMet: false }]);
    expect(find("single", "a")?.goals).toEqual([]);
  });

  test("has processor time for 1,000 orders and bytes for one, of all repetitions together", () => {
    const first = sampleOf(1, { orders: 1_000, cpu: { api: 2 }, written: { WAL: 300_000 }, details: { p99: 4 } });
    const second = sampleOf(1, { orders: 3_000, cpu: { api: 4 }, written: { WAL: 900_000 }, details: { p99: 8 } });
    const of = (...samples: Sample[]) =>
      summarise([{ key: "w", rows: [row("r")] }], [samples.map((each) => measured("r", "us", each))], "us")[0];
    expect(of(first, second)).toMatchObject({
      cpuSecondsPer1000: { api: 1.5 },
      bytesPerOrder: { WAL: 300 },
      details: { p99: 6 },
    });
    expect(of(first, { ...second, cpu: undefined })?.cpuSecondsPer1000).toEqual({});
  });

  test("medians are of those that have the figure", () => {
    expect(mediansOf([{ a: 1, b: 5 }, { a: 3 }])).toEqual({ a: 2, b: 5 });
  });

  test("memory: all looks of a process, over works and repetitions", () => {
    const look = (...megabytes: number[]) => measured("r", "us", sampleOf(0, { memory: { api: megabytes } }));
    expect(summariseMemory([look(100, 120), look(300)])).toEqual([
      { contender: "us", process: "api", looks: 3, medianMegabytes: 120, maxMegabytes: 300 },
    ]);
  });
});

describe("what is read from the system", () => {
  test("resident memory, in megabytes of a million bytes", () => {
    expect(residentOf("Name:\tnode\nVmHWM:\t  9 kB\nVmRSS:\t  250000 kB\n")).toBe(256);
    expect(residentOf("Name:\tgone\n")).toBeUndefined();
  });

  test("bytes written between two looks; what only one of them knows is left out", () => {
    expect(writtenBetween({ WAL: 100 }, { WAL: 350, "Kafka log": 10 })).toEqual({ WAL: 250 });
  });
});

describe("what is left of a run", () => {
  const lines = summarise(
    [
      {
        key: "posts",
        rows: [row("single", { ratios: [{ contender: "a", rows: ["single"], atLeast: 3 }] }), row("hot")],
      },
    ],
    [
      [
        measured("single", "tallyman", sampleOf(2_000)),
        measured("single", "a", sampleOf(1_000)),
        measured("hot", "a", sampleOf(7)),
      ],
    ],
    "tallyman",
  );
  const results: Results = {
    at: "2026-01-02T03:04:05.000Z",
    machine: { cpus: ["x", "x"], memoryBytes: 1, node: "v24" },
    options: { seconds: 3, only: "", all: false },
    works: [{ key: "posts", title: "Single POSTs" }],
    lines,
    memory: [{ contender: "tallyman", process: "api", looks: 2, medianMegabytes: 100, maxMegabytes: 200 }],
    problems: [],
    repetitions: [],
  };

  test("the README's table stands between its marks, and nothing else changes", () => {
    const table = tableOf(results);
    expect(table).toContain("| Single POSTs, orders/s | TALLYMAN | A | Tallyman's ratio | to reach |");
    expect(table).toContain(
      "| row single | 2,000 (2,000 to 2,000) | 1,000 (1,000 to 1,000) | 2.00 of a | at least 3 of a (missed) |",
    );
    expect(table).toContain("| row hot |  | 7.0 (7.0 to 7.0) |  |  |");
    expect(table).toContain(
      "2 cores (x), 2026-01-02, by `npm run bench -- --seconds 3`. Resident memory through all of it: api 100 MB, at most 200 MB.",
    );
    const page = "# A\n<!-- bench: written by npm run bench -- --readme -->\nold\n<!-- bench: end -->\nrest\n";
    const written = withTable(page, results, "chart.svg");
    expect(written).toBe(page.replace("old\n", `${table}\n![The rates as bars](chart.svg)\n\n`));
    expect(withTable(written, results, "chart.svg")).toBe(written);
    expect(() => withTable("# A", results, "")).toThrow("no");
  });

  test("the chart has a bar for each contender that took part", async () => {
    expect(barsOf(lines)).toEqual({
      rows: ["row single", "row hot"],
      titles: ["TALLYMAN", "A"],
      values: [
        [2_000, null],
        [1_000, 7],
      ],
    });
    const svg = await renderChart(results);
    expect(svg).toMatch(/^<svg /);
    for (const text of ["Single POSTs", "row single", "row hot", "TALLYMAN", "2,000", "1,000"])
      expect(svg).toContain(text);
  });

  test("works and contenders are chosen by name, in their own order", () => {
    const all = [{ key: "a" }, { key: "b" }, { key: "c" }];
    expect(choose("--only", "", all)).toEqual(all);
    expect(choose("--only", "c,a", all)).toEqual([{ key: "a" }, { key: "c" }]);
    expect(() => choose("--only", "a,x", all)).toThrow("--only has x; what there is: a, b, c.");
  });
});

/** Numbers from 0 to 1, evenly spread, for as many draws. */
function steps(count: number): () => number {
  let at = 0;
  return () => (at++ + 0.5) / count;
}

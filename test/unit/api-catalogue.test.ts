/** Many products at once: POST and GET /catalogue. */
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Check } from "typebox/value";
import { initialStockId } from "../../src/api/command-ids.ts";
import { ndjson } from "../../src/api/plugins/batch-body.ts";
import { ImportedProduct, ImportResult } from "../../src/api/schemas/products.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

let world: ApiWorld;
beforeEach(async () => void (world = await new ApiWorld().open()));
afterEach(() => world.app.close());

const milk = { id: "milk", name: "Milk", category: "dairy", priceCents: 120, initialStock: 7 };
const headers = { "content-type": ndjson };
const text = (lines: readonly (object | string)[]): string =>
  lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("");
const importLines = async (lines: readonly (object | string)[], query = ""): Promise<ImportResult[]> => {
  const answer = await world.app.inject({ method: "POST", url: `/catalogue${query}`, headers, payload: text(lines) });
  expect(answer.statusCode).toBe(200);
  const results = answer.body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as ImportResult);
  for (const result of results) expect(Check(ImportResult, result)).toBe(true);
  return results;
};
const exported = async (query = ""): Promise<Record<string, unknown>[]> => {
  const { body } = await world.app.inject({ url: `/catalogue${query}` });
  return body === ""
    ? []
    : body
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
};

describe("an import", () => {
  test("adds, changes and leaves, tells so of each line, and first deliveries go through the log", async () => {
    world.addProduct({ id: "pear", name: "Pear", category: "fruit", priceCents: 45 }, 3);
    world.addProduct({ id: "plum", name: "Plum", category: "fruit", priceCents: 45 }, 3);
    const results = await importLines([
      milk,
      { id: "pear", name: "Pear", category: "fruit", priceCents: 50, initialStock: 99 },
      { id: "plum", name: "Plum", category: "fruit", priceCents: 45 },
    ]);
    expect(results).toEqual([
      { line: 1, id: "milk", status: "created", revision: 1 },
      { line: 2, id: "pear", status: "changed", revision: 2 },
      { line: 3, id: "plum", status: "unchanged", revision: 1 },
    ]);
    expect(world.products.get("pear")).toMatchObject({ priceCents: 50, initialStock: 0 });
    expect(world.log.map(({ command }) => command)).toMatchObject([
      { type: "ReceiveStock", commandId: initialStockId("milk"), productId: "milk", quantity: 7 },
    ]);
    await expect.poll(() => world.stock.get("milk")).toEqual({ quantity: 7, version: 1 });
  });

  test("sent again is the same: nothing changes, and a delivery that broke in between is made", async () => {
    world.logAway = true;
    const [broken] = await importLines([milk]);
    expect(broken).toMatchObject({ line: 1, id: "milk", status: "failed", code: "log_unavailable", retryAfter: 1 });
    world.logAway = false;
    for (const _ of [1, 2, 3]) expect(await importLines([milk])).toMatchObject([{ status: "unchanged", revision: 1 }]);
    await expect.poll(() => world.stock.get("milk")).toEqual({ quantity: 7, version: 1 });
  });

  test("a bad line tells its number and code, and spoils no other", async () => {
    const results = await importLines([
      milk,
      "{",
      { ...milk, priceCents: -1 },
      "",
      { ...milk, id: undefined },
      { ...milk, id: "m2" },
    ]);
    expect(results.map(({ line, status, code }) => [line, status, code])).toEqual([
      [1, "created", undefined],
      [2, "failed", "malformed_json"],
      [3, "failed", "invalid_request"],
      [5, "failed", "invalid_request"],
      [6, "created", undefined],
    ]);
    expect(results[2]?.errors).toMatchObject([{ field: "/priceCents" }]);
  });

  test("of lines that name the same product, each is answered and the last one counts", async () => {
    const results = await importLines([milk, { ...milk, name: "A" }, { ...milk, name: "B" }]);
    expect(results.map(({ status, revision }) => [status, revision])).toEqual([
      ["created", 1],
      ["changed", 2],
      ["changed", 3],
    ]);
    expect(world.products.get("milk")?.name).toBe("B");
  });

  test("a trial tells what would have been, and writes nothing", async () => {
    world.addProduct({ id: "pear", name: "Pear", category: "fruit", priceCents: 45 }, 3);
    const pear = { id: "pear", name: "Pear", category: "fruit", priceCents: 45 };
    const lines = [milk, pear, { ...pear, priceCents: 46 }];
    const results = await importLines(lines, "?dryRun=true");
    expect(results.map(({ status, revision }) => [status, revision])).toEqual([
      ["created", null],
      ["unchanged", 1],
      ["changed", 1],
    ]);
    expect([...world.products.keys(), world.products.get("pear")?.priceCents, world.log.length]).toEqual([
      "pear",
      45,
      0,
    ]);
  });

  test("PostgreSQL away: each line fails with what to do", async () => {
    world.storeAway = true;
    expect(await importLines([milk])).toMatchObject([{ status: "failed", code: "store_unavailable" }]);
    expect(world.log).toEqual([]);
  });

  test("packed with gzip; as JSON it is refused", async () => {
    const packed = { ...headers, "content-encoding": "gzip" };
    await world.app.inject({ method: "POST", url: "/catalogue", headers: packed, payload: gzipSync(text([milk])) });
    expect(world.products.has("milk")).toBe(true);
    const answer = await world.app.inject({ method: "POST", url: "/catalogue", payload: [milk] });
    expect(bodyOf(answer)).toMatchObject({ status: 400, code: "invalid_request" });
  });
});

describe("an export", () => {
  test("has every product, across pages, and may be imported as it is", async () => {
    for (let n = 0; n < 450; n++) world.addProduct({ id: `p${n}`, category: n % 2 === 0 ? "even" : "odd" }, 1);
    const lines = await exported();
    expect(new Set(lines.map(({ id }) => id)).size).toBe(450);
    expect(lines).toHaveLength(450);
    expect(lines.every((line) => Check(ImportedProduct, line))).toBe(true);
    expect(await exported("?category=odd")).toHaveLength(225);
    expect(await exported("?category=none")).toEqual([]);
    expect(new Set((await importLines(lines)).map(({ status }) => status))).toEqual(new Set(["unchanged"]));
  });

  test("PostgreSQL away: 503, and no list that seems to be all", async () => {
    world.storeAway = true;
    expect(bodyOf(await world.app.inject({ url: "/catalogue" })).code).toBe("store_unavailable");
  });
});

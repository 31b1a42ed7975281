// How a user's code runs in the world: what is random comes from the seed, time is the world's, and nothing hangs.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { ClientStuck, simulateTallyman } from "tallyman/testing";
import type { SimulatedTallyman } from "tallyman/testing";

const headers = { "content-type": "application/json" };
const never = new Promise<never>(() => undefined);

/** Ten clients at once, each with orders, with and without ids, over HTTP and straight to the log. */
async function busy(shop: SimulatedTallyman): Promise<string[]> {
  const client = async (number: number): Promise<string> => {
    const seen: string[] = [];
    const producer = shop.producer();
    await producer.connect();
    for (let order = 0; order < 3; order += 1) {
      const id = number % 2 === 0 ? shop.uuid() : undefined;
      const body = JSON.stringify({ orderId: id, productId: "chair", quantity: 1 + Math.floor(shop.random() * 3) });
      const response = await shop.fetch(`${shop.url}/orders`, { method: "POST", headers, body }).catch(() => undefined);
      seen.push(response === undefined ? "lost" : JSON.stringify(await response.json()));
      await shop.sleep(100 * shop.random());
      const command = { type: "ReceiveStock", commandId: shop.uuid(), productId: "chair", quantity: 1 } as const;
      const message = { key: "chair", value: shop.encode(command) };
      const sent = await producer.send({ topic: shop.topic, messages: [message] }).catch(() => []);
      seen.push(JSON.stringify(sent), String(shop.now()));
    }
    return seen.join("\n");
  };
  return await Promise.all(Array.from({ length: 10 }, (_, number) => client(number)));
}

async function traceOf(seed: number): Promise<{ readonly lines: string[]; readonly seen: string[] }> {
  const lines: string[] = [];
  const shop = simulateTallyman({ seed, products: { chair: 20, table: 3 }, trace: (line) => void lines.push(line) });
  const seen = await shop.run(() => busy(shop));
  await shop.settle();
  shop.check();
  return { lines: [...lines, JSON.stringify(shop.ledger())], seen };
}

describe("the same seed", () => {
  test("gives the same run, to the last word of its trace, and another seed another run", async () => {
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
    const first = [];
    for (const seed of seeds) first.push(await traceOf(seed));
    // Together, so that they come between each other in the machine's time, and after the machine has warmed up.
    expect(await Promise.all(seeds.map(traceOf))).toEqual(first);
    expect(new Set(first.map(({ lines }) => lines.join("\n"))).size).toBe(seeds.length);
    expect(first.some(({ lines }) => lines.some((line) => line.includes("fault: ")))).toBe(true);
    expect(first.some(({ seen }) => seen.some((each) => each.includes("lost")))).toBe(true);
  });

  test("is told in words: what went wrong, what was asked and answered, what was decided", async () => {
    const { lines } = await traceOf(3);
    const said = lines.join("\n");
    for (const words of [
      /fault: \w/,
      /api \d.*POST \/orders \{.*-> 202/,
      /decided: PlaceOrder \S+, \d of chair: /,
      /producer \d: \d@\d/,
    ]) {
      expect(said).toMatch(words);
    }
    // Each thing is told when it happens: no decision after the answer that tells it.
    const restocked = /decided: (ReceiveStock) \S+, 3 of table/.exec(said)?.index ?? Infinity;
    expect(restocked).toBeLessThan(said.indexOf('"initialStock":{"commandId"'));
    const decided = lines.filter((line) => line.includes("decided: PlaceOrder"));
    expect(new Set(decided.map((line) => Number.parseFloat(line))).size).toBeGreaterThan(3);
    const times = lines.slice(0, -1).map((line) => Number.parseFloat(line));
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(lines.slice(0, -1).every((line) => /^ +\d+\.\d{4} s {2}\S/.test(line))).toBe(true);
  });
});

describe("time", () => {
  test("is the world's: minutes are over in a moment, and no pause is shorter than a millisecond", async () => {
    const shop = simulateTallyman({ seed: 1 });
    await shop.run(async () => {
      const began = shop.now();
      await shop.sleep(300_000);
      expect(shop.now() - began).toBe(300_000);
      for (let turn = 0; turn < 10; turn += 1) await shop.sleep(0);
      expect(shop.now() - began).toBe(300_010);
    });
  });

  test("stands still while the code does something of its own", async () => {
    const shop = simulateTallyman({ seed: 1 });
    const [before, after] = await shop.run(async () => {
      const began = shop.now();
      await readFile(import.meta.filename);
      await new Promise((resolve) => setTimeout(resolve, 30));
      return [began, shop.now()];
    });
    expect(after).toBe(before);
  });

  test("stands still outside of run, where nothing can be asked for", async () => {
    const shop = simulateTallyman({ seed: 1 });
    const producer = shop.producer();
    await producer.connect();
    await expect(shop.fetch(shop.url)).rejects.toThrow("outside of run()");
    expect(() => shop.sleep(1)).toThrow("outside of run()");
    expect(() => shop.timeout(1)).toThrow("outside of run()");
    await expect(producer.send({ topic: shop.topic, messages: [] })).rejects.toThrow("outside of run()");
    await expect(shop.settle()).rejects.toThrow("after a run()");
  });
});

describe("a run", () => {
  test("comes to what its code comes to, also when that throws at once", async () => {
    const shop = simulateTallyman({ seed: 1 });
    const mistake = new Error("of the client");
    expect(await shop.run(() => Promise.resolve(7))).toBe(7);
    await expect(shop.run(() => shop.sleep(5).then(() => Promise.reject(mistake)))).rejects.toBe(mistake);
    await expect(
      shop.run(() => {
        throw mistake;
      }),
    ).rejects.toBe(mistake);
    expect(await shop.run(() => Promise.resolve(8))).toBe(8);
  });

  test("after another finds what that one left: products and faults begin once", async () => {
    const said: string[] = [];
    const faults = [{ atMs: 1, do: "rebalance" }] as const;
    const shop = simulateTallyman({ seed: 1, faults, products: { chair: 5 }, trace: (line) => void said.push(line) });
    for (let turn = 0; turn < 3; turn += 1) await shop.run(() => shop.sleep(2_000));
    expect(said.filter((line) => line.includes("fault: rebalance"))).toHaveLength(1);
    expect(said.filter((line) => line.includes("POST /products"))).toHaveLength(1);
  });

  test("is one at a time", async () => {
    const shop = simulateTallyman({ seed: 1 });
    await shop.run(() => expect(shop.run(() => Promise.resolve())).rejects.toThrow("one run at a time"));
  });

  test("that waits for what is not the world's ends with an error", async () => {
    const shop = simulateTallyman({ seed: 2, realWaitMs: 50 });
    const hanging = shop.run(async () => {
      await shop.fetch(`${shop.url}/products`);
      await never;
    });
    await expect(hanging).rejects.toThrow(ClientStuck);
    await expect(hanging).rejects.toThrow("no fetch, sleep, timeout or send is open");
  });

  test("that never ends by itself ends with an error that says what is open", async () => {
    const shop = simulateTallyman({ seed: 1, runMs: 5_000 });
    const poll = async (): Promise<never> => {
      for (;;) await shop.sleep(300);
    };
    const hanging = shop.run(() => Promise.all([poll(), never]));
    await expect(hanging).rejects.toThrow(ClientStuck);
    await expect(hanging).rejects.toThrow(/not done after 5000 ms.*; open: sleep of 300 ms for \d+ ms/);
  });

  test("goes on when its code waits for many things at once, and one of them is never answered", async () => {
    const shop = simulateTallyman({ seed: 1 });
    expect(await shop.run(() => Promise.race([never, shop.sleep(10).then(() => "done")]))).toBe("done");
  });
});

test.each([
  [{ seed: 1.5 }, "whole number"],
  [{ seed: 1, apis: 0 }, "apis"],
  [{ seed: 1, processors: -1 }, "processors"],
  [{ seed: 1, partitions: 0.5 }, "partitions"],
])("%j is refused", (options, words) => {
  expect(() => simulateTallyman(options)).toThrow(words);
});

test("a product that can't be is refused", async () => {
  const shop = simulateTallyman({ seed: 1, products: { "no spaces": 1 } });
  await expect(shop.run(() => Promise.resolve())).rejects.toThrow("can't be a product");
});

/** Now and then a product is taken off the shelves for a while. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "./calls.ts";
import type { DemoProduct } from "./catalogue.ts";
import type { Randomness } from "./randomness.ts";

const [betweenMs, awayMs] = [45_000, 30_000];

/** What an earlier demo, which was ended outright, has left archived. */
export async function restoreAll(ask: Ask, products: readonly DemoProduct[]): Promise<void> {
  const ours = new Set(products.map(({ id }) => id));
  const { body } = await ask("GET", "/products?archived=true&limit=200");
  for (const { id } of (body.products ?? []) as { id: string }[]) {
    if (ours.has(id)) await ask("POST", `/products/${id}/restore`);
  }
}

export async function runSeasons(options: {
  readonly ask: Ask;
  readonly random: Randomness;
  readonly products: readonly DemoProduct[];
  readonly pace: number;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { ask, random, products, pace, signal } = options;
  for (;;) {
    await sleep(betweenMs / pace, undefined, { signal });
    const { id } = random.pick(products);
    await ask("POST", `/products/${id}/archive`);
    await sleep(awayMs / pace, undefined, { signal });
    await ask("POST", `/products/${id}/restore`);
  }
}

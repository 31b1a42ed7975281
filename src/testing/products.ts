import { limits } from "../limits.ts";
import { ConnectionLost } from "../simulation/world.ts";
import type { World } from "../simulation/world.ts";
import { whetherOver } from "./users-run.ts";

const retryMs = 200;
const priceCents = 100;

/** Adds products with their units, before anything goes wrong, and waits until they are decided. Rejects where one is not allowed. */
export async function addProducts(
  world: World,
  products: Readonly<Record<string, number>>,
  tick: () => void,
): Promise<void> {
  const wanted = Object.entries(products);
  const adding = Promise.all(wanted.map(([id, units]) => addProduct(world, id, units)));
  const whenOver = whetherOver(adding);
  const isOver = await world.until(() => (tick(), whenOver()), limits.testingSettleMs);
  if (!isOver) throw new Error(`the products are not there after ${limits.testingSettleMs} ms of the world`);
  await adding;
  await world.until(() => (tick(), world.isDecided()), limits.testingSettleMs);
}

async function addProduct(world: World, id: string, units: number): Promise<void> {
  const body = { id, name: id, category: "things", priceCents, initialStock: units };
  const request = { method: "POST", path: "/products", headers: { prefer: "wait=10" }, body };
  for (let tries = 0; tries < limits.testingProductTries; tries += 1) {
    const response = await world.http(request).catch(unlessLost);
    if (response !== undefined && response.status < 500) {
      if (response.status === 201) return;
      throw new RangeError(`${id} with ${units} units can't be a product: ${response.body}`);
    }
    await world.engine.pause(retryMs, "set-up tries again");
  }
  throw new Error(`${id} could not be added`);
}

function unlessLost(error: unknown): undefined {
  if (error instanceof ConnectionLost) return undefined;
  throw error;
}

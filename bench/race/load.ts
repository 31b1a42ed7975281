// The load of a race: so many orders for one unit of one product, each client's next one as soon as the one before is answered.
import autocannon from "autocannon";
import { unlessAborted } from "../support/bench.ts";

export type Answer = { readonly status: number; readonly body: string };

export type Load = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly productId: string;
  readonly orders: number;
  readonly clients: number;
};

/** Resolves to every answer when each order has one, or got none; an order without an answer has no entry. */
export async function sendOrders(load: Load, signal: AbortSignal): Promise<Answer[]> {
  const answers: Answer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const running = autocannon(
    {
      url: `${load.url}/orders`,
      amount: load.orders,
      connections: Math.min(load.clients, load.orders),
      // How often autocannon looks whether all are answered.
      sampleInt: 20,
      // Not before a machine that is busy with other things has answered: an order that is cut off has no answer to judge by.
      timeout: 30,
      requests: [
        {
          method: "POST",
          headers: { "content-type": "application/json", ...load.headers },
          body: JSON.stringify({ productId: load.productId, quantity: 1 }),
          onResponse: (status, body) => void answers.push({ status, body }),
        },
      ],
    },
    (error: unknown, result) => {
      if (error === null || error === undefined) resolve(result);
      else reject(error);
    },
  );
  try {
    await unlessAborted(signal, promise);
  } finally {
    running.stop();
  }
  return answers;
}

/** The ids of the orders with one of these statuses; throws when an answer has none. */
export function orderIdsOf(answers: readonly Answer[], ...statuses: readonly number[]): string[] {
  return answers
    .filter(({ status }) => statuses.includes(status))
    .map(({ status, body }) => {
      const { orderId } = JSON.parse(body) as { orderId?: unknown };
      if (typeof orderId !== "string") throw new Error(`An answer ${status} has no orderId: ${body}`);
      return orderId;
    });
}

// Tallyman in the race, judged from outside: what it answers, its ledger and stock in PostgreSQL, its number in Redis.
import { type Bench } from "../support/bench.ts";
import { type Installation, createInstallation } from "../support/installation.ts";
import { type Progress, audit, untilProgress } from "../support/ledger.ts";
import { type Books, type Contender, postProduct, readCached } from "./contender.ts";
import { type Answer, orderIdsOf } from "./load.ts";

const lookupIdsMax = 1_000;
/** Accepted, refused, or still undecided when the caller stopped waiting: the log has all of them. */
const acknowledging = [201, 409, 202] as const;

export async function openTallyman(bench: Bench): Promise<Contender> {
  const { signal } = bench;
  const installation = await createInstallation(bench);
  try {
    const [api] = [await installation.start("api"), await installation.start("processor")];
    let commands = 0;
    let orders = 0;
    const until = (enough: (progress: Progress) => boolean) =>
      untilProgress(installation.database, enough, { pollMs: 2, limitMs: 30_000, signal });
    const untilDecided = () => until(({ decided }) => decided >= commands);

    return {
      url: api.url,
      // The other shop answers with its decision, so this one does too.
      headers: { prefer: "wait=5" },
      addProduct: async (id, units) => {
        await postProduct(api.url, { id, name: id, category: "race", priceCents: 250, initialStock: units }, signal);
        commands += 1;
        await untilDecided();
      },
      untilDecided: async (answers) => {
        const acknowledged = orderIdsOf(answers, ...acknowledging).length;
        commands += acknowledged;
        orders += acknowledged;
        await untilDecided();
      },
      untilAtRest: async () => {
        await until(({ effects }) => effects >= commands);
      },
      readBooks: async (productId, answers) => {
        const books = await readStores(installation, productId);
        const told = await compare(api.url, productId, answers, books.left, signal);
        const problems = [...told.problems, ...(await audit(installation.database, orders))];
        return { ...books, ...told, problems };
      },
      [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose](),
    };
  } catch (error) {
    await installation[Symbol.asyncDispose]();
    throw error;
  }
}

async function readStores(
  { database, addresses }: Installation,
  productId: string,
): Promise<Pick<Books, "sold" | "left" | "cached">> {
  const { rows } = await database.query<{ sold: number; left: number }>(
    `select (select coalesce(sum(-delta), 0) from ledger
             where product_id = $1 and type = 'PlaceOrder' and status = 'accepted')::float8 as sold,
            (select quantity from stock where product_id = $1)::float8 as left`,
    [productId],
  );
  const row = rows[0];
  if (row === undefined) throw new Error("A select without a table has one row.");
  return { ...row, cached: await readCached(addresses.redisUrl, `product:${productId}:quantity`) };
}

/** What is known of each order now, against what its caller was told; and the quantity that a reader is told. */
async function compare(
  url: string,
  productId: string,
  answers: readonly Answer[],
  left: number,
  signal: AbortSignal,
): Promise<Pick<Books, "accepted" | "refused" | "problems">> {
  const ids = orderIdsOf(answers, ...acknowledging);
  const statuses = await lookUp(url, ids, signal);
  const number = (all: readonly string[], status: string) => all.filter((id) => statuses.get(id) === status).length;
  const toldAccepted = orderIdsOf(answers, 201);
  const toldRefused = orderIdsOf(answers, 409);
  const contradicted =
    toldAccepted.length - number(toldAccepted, "accepted") + (toldRefused.length - number(toldRefused, "rejected"));
  const response = await fetch(`${url}/products/${productId}`, { signal });
  const { quantity } = (await response.json()) as { quantity?: number };
  const problems: [boolean, string][] = [
    [new Set(ids).size !== ids.length, "Two orders have the same id."],
    [contradicted > 0, `${contradicted} orders became something else than their callers were told.`],
    [quantity !== left, `GET /products says that ${quantity ?? "nobody knows how many"} are left.`],
  ];
  return {
    accepted: number(ids, "accepted"),
    refused: number(ids, "rejected"),
    problems: problems.filter(([holds]) => holds).map(([, problem]) => problem),
  };
}

/** Each order's status, as the api tells it; what it does not know is missing. */
async function lookUp(url: string, ids: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  for (let from = 0; from < ids.length; from += lookupIdsMax) {
    const response = await fetch(`${url}/orders/lookup`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ids: ids.slice(from, from + lookupIdsMax) }),
      signal,
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`POST /orders/lookup answers ${response.status}: ${body}`);
    const { orders } = JSON.parse(body) as { orders: { orderId: string; status: string }[] };
    for (const { orderId, status } of orders) statuses.set(orderId, status);
  }
  return statuses;
}

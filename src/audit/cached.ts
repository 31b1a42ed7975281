/**
 * Redis against PostgreSQL as it is now (A15 to A17): Redis is read first, so that PostgreSQL is never behind it. An older
 * value is no difference while the effects of what came after it are still to come (P15); at rest nothing is to come.
 */
import { limits } from "../limits.ts";
import { decidedOrder } from "../schemas/order-document.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import type { StoredLine } from "../schemas/lines.ts";
import type { AuditCache, CachedOrder, CachedProduct } from "../stores/audit-cache.ts";
import type { AuditReads } from "../stores/audit-store.ts";
import { versionKey } from "../stores/ledger-store.ts";
import type { Findings } from "./findings.ts";
import { isSame, shown } from "./record-content.ts";

export type CachedDeps = {
  readonly cache: Pick<AuditCache, "owners" | "entries">;
  readonly now: AuditReads;
  readonly findings: Findings;
  readonly atRest: boolean;
};

export type CachedCounts = {
  products: number;
  orders: number;
  /** Orders that are marked as pending in Redis. */
  marks: number;
};

/** Marks of orders that are decided, by id: right only where the order was sent again. At rest alone, and bounded. */
export type LateMarks = Map<string, string>;

/** What is decided below it has been told; by partition. */
type Told = ReadonlyMap<number, number>;

export async function auditCached(deps: CachedDeps): Promise<{ counts: CachedCounts; lateMarks: LateMarks }> {
  const { cache, now, findings } = deps;
  const owners = await cache.owners();
  const partitions = await now.partitions();
  const epochs = new Map(partitions.map(({ partition, epoch }) => [partition, epoch]));
  for (const [partition, epoch] of owners) {
    const stored = epochs.get(partition) ?? 0;
    if (epoch > stored) findings.add("A17", { partition }, `Redis knows epoch ${epoch}, PostgreSQL ${stored}`);
  }

  const told: Told = new Map(partitions.map(({ partition, effectsOffset }) => [partition, effectsOffset]));
  const counts: CachedCounts = { products: 0, orders: 0, marks: 0 };
  const lateMarks: LateMarks = new Map();
  for await (const page of cache.entries()) {
    const products = page.filter((entry) => entry.kind === "product");
    const orders = page.filter((entry) => entry.kind === "order");
    await auditProducts(deps, products, told);
    await auditOrders(deps, orders, counts, lateMarks);
    counts.products += products.length;
    counts.orders += orders.length;
  }
  return { counts, lateMarks };
}

async function auditProducts(
  { now, findings, atRest }: CachedDeps,
  entries: readonly CachedProduct[],
  told: Told,
): Promise<void> {
  if (entries.length === 0) return;
  const stock = await now.stock(entries.map(({ productId }) => productId));
  const older = entries.flatMap((entry) => {
    const { productId } = entry;
    const say = (says: string): void => findings.add("A15", { key: `product:${productId}` }, says);
    const stored = stock.get(productId) ?? { quantity: 0, version: 0 };
    const [quantity, version] = [numberOf(entry.quantity), numberOf(entry.version)];
    if (Number.isNaN(quantity) || Number.isNaN(version)) {
      say(`quantity ${shown(entry.quantity)} and version ${shown(entry.version)} are not whole numbers`);
    } else if (version !== null && version > stored.version) {
      say(`Redis is at version ${version}, PostgreSQL at ${stored.version}`);
    } else if (quantity !== null && version === stored.version && quantity !== stored.quantity) {
      say(`the quantity is ${quantity} at version ${version}, PostgreSQL says ${stored.quantity}`);
    } else if (quantity !== null && version !== null && version < stored.version) {
      if (!atRest) return [{ productId, quantity, version, say }];
      say(`Redis is at version ${version}, PostgreSQL at ${stored.version}`);
    } else if (quantity !== null && version === null && atRest && quantity !== stored.quantity) {
      say(`the quantity is ${quantity}, PostgreSQL says ${stored.quantity}`);
    }
    return [];
  });
  const lines = await now.linesOfVersions(
    older.flatMap(({ productId, version }) => [
      { productId, version },
      { productId, version: version + 1 },
    ]),
  );
  for (const { productId, quantity, version, say } of older) {
    const then = lines.get(versionKey(productId, version))?.stockAfter ?? 0;
    if (then !== quantity) say(`the quantity is ${quantity} at version ${version}, the ledger says ${then}`);
    const next = lines.get(versionKey(productId, version + 1));
    if (next !== undefined && next.offset < (told.get(next.partition) ?? 0)) {
      say(`Redis is at version ${version}, and version ${version + 1} was told`);
    }
  }
}

/** Null stays; NaN for what is no whole number. */
function numberOf(text: string | null): number | null {
  if (text === null) return null;
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

async function auditOrders(
  deps: CachedDeps,
  entries: readonly CachedOrder[],
  counts: CachedCounts,
  lateMarks: LateMarks,
): Promise<void> {
  const { now, findings, atRest } = deps;
  const read = entries.map(({ orderId, json }) => ({ orderId, document: documentOf(json) }));
  const ids = read.map(({ orderId }) => orderId).filter((id) => uuidShape.test(id));
  const lines = ids.length === 0 ? new Map<string, StoredLine>() : await now.lines(ids);
  for (const { orderId, document } of read) {
    const say = (says: string): void => findings.add("A16", { key: `order:${orderId}` }, says);
    const line = lines.get(orderId);
    if (document === undefined) {
      say("it is no order");
    } else if (document.status === "pending") {
      counts.marks += 1;
      if (!atRest || line === undefined) continue;
      const says = `it is pending, and the ledger says ${line.status}`;
      if (lateMarks.size < limits.auditMarksMax) lateMarks.set(orderId, says);
      else say(says);
    } else if (line?.type !== "PlaceOrder") {
      say(`it is ${document.status}, and the ledger has no such order`);
    } else {
      const wrong = documentFault(document, line, atRest);
      if (wrong !== undefined) say(wrong);
    }
  }
}

const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function documentOf(json: string): OrderDocument | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && "status" in value && "revision" in value
      ? (value as OrderDocument)
      : undefined;
  } catch {
    return undefined;
  }
}

function documentFault(document: OrderDocument, line: StoredLine, atRest: boolean): string | undefined {
  const { revision } = document;
  if (revision !== line.revision) {
    if (revision < line.revision && !atRest) return undefined;
    return `Redis has revision ${shown(revision)}, PostgreSQL ${line.revision}`;
  }
  for (const [field, wanted] of Object.entries(decidedOrder(line, line.decidedAt))) {
    // An order that was cancelled before it came is told with the time at which it came.
    if (field === "decidedAt" && line.reason === "cancelled_before_placed") continue;
    const found: unknown = Reflect.get(document, field) ?? null; // What a version before wrote lacks a field.
    if (!isSame(found, wanted)) return `${field} is ${shown(found)}, the ledger says ${shown(wanted)}`;
  }
  return undefined;
}

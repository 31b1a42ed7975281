/** What the user's code was told: what is acknowledged must be decided, and what is decided stays. */
import type { AppendRecord } from "../log/log.ts";
import type { SimResponse } from "../simulation/sim-http.ts";

export class Told {
  readonly acknowledged = new Set<string>();
  readonly decided: { readonly commandId: string; readonly status: string }[] = [];
  readonly stored: { readonly partition: number; readonly offset: number }[] = [];

  /** An answer that arrived. Of a question, only decisions count: a mark of an order is no acknowledgement. */
  answer(method: string, { status, body }: SimResponse): void {
    if (status < 200 || status > 299) return;
    const document: unknown = JSON.parse(body);
    const found = commandIn(document);
    if (found === undefined) return;
    if (method !== "GET") this.acknowledged.add(found.commandId);
    if (found.status !== "pending") this.decided.push(found);
  }

  records(records: readonly AppendRecord[], offsets: readonly number[]): void {
    for (const [index, { partition }] of records.entries()) {
      const offset = offsets[index];
      if (offset !== undefined) this.stored.push({ partition, offset });
    }
  }
}

/** An order, a command's receipt, or a product with its first delivery; a listing is none of them. */
function commandIn(document: unknown): { readonly commandId: string; readonly status: string } | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  if ("initialStock" in document) return commandIn(document.initialStock);
  if (!("status" in document) || typeof document.status !== "string") return undefined;
  // A receipt names the order too that its cancel is about.
  const commandId = "commandId" in document ? document.commandId : "orderId" in document ? document.orderId : undefined;
  return typeof commandId === "string" ? { commandId, status: document.status } : undefined;
}

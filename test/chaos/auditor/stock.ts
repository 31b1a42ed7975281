/**
 * C4: nothing is oversold, and the ledger adds up. Each product's lines are decided again, in their order, by the model in
 * test/support/http-model.ts, from what the clients say they sent.
 */
import { ProductModel } from "../../support/http-model.ts";
import type { Outcome } from "../../support/http-model.ts";
import type { Evidence, Line, SentCommand } from "./evidence.ts";
import { nameOf, nameOfLine } from "./identity.ts";
import { isPlaceholder, sequenceOf } from "./sequence.ts";

export function wrongInStock({ commands, lines, stock }: Evidence): string[] {
  const wrong: string[] = [];
  const sent = new Map(commands.map((command) => [nameOf(command), command]));
  const stored = new Map(stock.map((row) => [row.product_id, row]));
  for (const [productId, ofProduct] of Map.groupBy(lines, (line) => line.product_id)) {
    const model = new ProductModel();
    const cancelled = acceptedCancels(ofProduct);
    for (const line of sequenceOf(ofProduct, wrong)) {
      const name = nameOfLine(line);
      wrong.push(
        ...differences(line, decideAgain(model, line, sent.get(name)), cancelled).map((why) => `${name} ${why}`),
      );
      if (line.stock_after < 0) wrong.push(`${name} leaves ${line.stock_after} units`);
    }
    const sold = ofProduct.filter(
      (line) => line.type === "PlaceOrder" && line.status === "accepted" && !isPlaceholder(line),
    );
    const came = ofProduct.filter((line) => line.type === "ReceiveStock" || line.type === "CountStock");
    const units = sum(came.map(({ delta }) => delta));
    const taken = sum(sold.map((line) => sent.get(nameOfLine(line))?.quantity ?? line.quantity));
    if (taken > units) wrong.push(`${productId} is oversold: ${taken} units are sold, and ${units} were there`);
    for (const { type, command_id: id, fulfilment } of ofProduct) {
      if (type === "PlaceOrder" && (fulfilment === "packed") !== model.isPacked(id))
        wrong.push(`order ${id} is ${fulfilment ?? "not packed"}, and ${model.isPacked(id) ? "" : "not "}by the model`);
    }
    const row = stored.get(productId);
    if (row !== undefined && row.archived !== model.isArchived)
      wrong.push(
        `${productId} is ${row.archived ? "" : "not "}archived, and ${model.isArchived ? "" : "not "}by its lines`,
      );
    if (row?.quantity !== model.quantity || row.version !== model.version)
      wrong.push(
        `${productId} has ${row?.quantity}@${row?.version} in stock; its lines make ${model.quantity}@${model.version}`,
      );
    if (units - taken !== model.quantity)
      wrong.push(`${productId}: ${units} came and ${taken} are sold, and its lines make ${model.quantity}`);
  }
  for (const { product_id: id, version } of stock) {
    if (version > 0 && !lines.some((line) => line.product_id === id)) wrong.push(`${id} has stock and no lines`);
  }
  return wrong;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const acceptedCancels = (lines: readonly Line[]): ReadonlySet<string> =>
  new Set(
    lines.flatMap(({ type, status, order_id }) =>
      type === "CancelOrder" && status === "accepted" && order_id !== null ? [order_id] : [],
    ),
  );

function decideAgain(model: ProductModel, line: Line, command: SentCommand | undefined): Outcome {
  const quantity = command?.quantity ?? line.quantity;
  switch (line.type) {
    case "PlaceOrder":
      return model.place(line.command_id, quantity);
    case "ReceiveStock":
      return model.receive(quantity);
    case "CountStock":
      return model.count(quantity, command === undefined ? line.as_of_version : command.asOfVersion);
    case "CancelOrder":
      return model.cancel(line.order_id ?? "");
    case "PackOrder":
      return model.pack(line.order_id ?? "");
    case "ArchiveProduct":
      return model.archive();
    case "RestoreProduct":
      return model.restore();
  }
}

function differences(line: Line, outcome: Outcome, cancelled: ReadonlySet<string>): string[] {
  // A cancel changes its order's line: what was accepted reads as cancelled since.
  const isCancelledSince = line.type === "PlaceOrder" && line.status === "cancelled" && outcome.status === "accepted";
  if (isCancelledSince && !cancelled.has(line.command_id)) return ["is cancelled, and no cancel of it is accepted"];
  const status = isCancelledSince ? "accepted" : line.status;
  const is = [status, line.reason, line.delta, line.stock_after, line.version].map(String);
  const should = [outcome.status, outcome.reason, outcome.delta, outcome.stockAfter, outcome.version].map(String);
  return is.join() === should.join() ? [] : [`is ${is.join(" ")} in the ledger, and ${should.join(" ")} by the model`];
}

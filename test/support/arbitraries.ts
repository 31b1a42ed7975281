/** What fast-check draws: commands that meet one another often, and content at the edges of what may be stored. */
import fc from "fast-check";
import { limits } from "../../src/limits.ts";
import type { Command, DeliveryLocation } from "../../src/schemas/commands.ts";
import type { Line } from "../../src/schemas/lines.ts";
import { archiveProduct, cancelOrder, countStock, movementLine, orderLine, packOrder, placeOrder } from "./commands.ts";
import { receiveStock, restoreProduct, uuidOf } from "./commands.ts";

export const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const safeInteger = fc.maxSafeNat();
/** All that decoding lets through: up to the end of the year 9999. */
export const issuedAtMs = fc.integer({ min: 0, max: 253_402_300_799_999 });

/** Any text that PostgreSQL stores, well beyond ASCII; at most `charsMax` UTF-16 units. */
export function storableText(charsMax: number): fc.Arbitrary<string> {
  return fc.string({ unit: "binary", maxLength: Math.floor(charsMax / 2) }).map((text) => text.replaceAll("\0", "0"));
}

const degrees = (max: number) =>
  // JSON writes -0 as 0; adding 0 does the same here.
  fc.double({ min: -max, max, noNaN: true }).map((value) => value + 0);

export const deliveryLocation: fc.Arbitrary<DeliveryLocation> = fc.record({
  latitude: degrees(90),
  longitude: degrees(180),
  address: fc.option(storableText(limits.addressCharsMax)),
});

const productId = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);

/** Columns that only orders fill. */
const orderContent = {
  unitPriceCents: fc.nat({ max: limits.priceCentsMax }),
  currency: fc.stringMatching(/^[A-Z]{3}$/),
  customerId: fc.option(storableText(limits.customerIdCharsMax)),
  basketId: fc.option(storableText(limits.basketIdCharsMax)),
  deliveryLocation: fc.option(deliveryLocation),
};

const anyLine = {
  commandId: fc.uuid(),
  productId,
  quantity: int32,
  stockAfter: fc.nat({ max: limits.stockMax }),
  version: safeInteger,
  partition: fc.nat({ max: 11 }),
  offset: safeInteger,
  issuedAt: issuedAtMs,
};

const acceptedOrder = fc
  .record({ ...anyLine, ...orderContent, quantity: fc.integer({ min: 1, max: limits.quantityMax }) })
  .map((fields) => orderLine({ ...fields, delta: -fields.quantity }));
const packedOrder = fc
  .record({ ...anyLine, ...orderContent, quantity: fc.integer({ min: 1, max: limits.quantityMax }) })
  .map((fields) => orderLine({ ...fields, delta: -fields.quantity, fulfilment: "packed", revision: 2 }));
const rejectedOrder = fc
  .record({ ...anyLine, ...orderContent, reason: fc.constantFrom("insufficient_stock", "quantity_out_of_range") })
  .map((fields) => orderLine({ ...fields, status: "rejected", delta: 0 }));
const cancelledOrder = fc
  .record({ ...anyLine, ...orderContent, revision: fc.integer({ min: 1, max: 2 ** 31 - 1 }) })
  .map((fields) => orderLine({ ...fields, status: "cancelled", delta: 0 }));
const movement = fc
  .record({
    ...anyLine,
    type: fc.constantFrom("CancelOrder", "ReceiveStock", "CountStock", "ArchiveProduct", "RestoreProduct"),
    orderId: fc.option(fc.uuid()),
    delta: int32,
    asOfVersion: fc.option(safeInteger),
    reference: fc.option(storableText(limits.referenceCharsMax)),
    actor: fc.option(storableText(limits.actorCharsMax)),
  })
  .map((fields) => movementLine(fields));

const packing = fc
  .record({ ...anyLine, orderId: fc.uuid(), actor: fc.option(storableText(limits.actorCharsMax)) })
  .map((fields) => movementLine({ ...fields, type: "PackOrder", delta: 0 }));

/** Any line that may be stored, by every way that a commit takes lines. */
export const storableLine: fc.Arbitrary<Line> = fc.oneof(
  ...[acceptedOrder, packedOrder, rejectedOrder, cancelledOrder],
  ...[movement, packing],
);

export const productIds = ["p1", "p2", "p3"] as const;
const product = fc.constantFrom(...productIds);
const fewUnits = fc.integer({ min: 1, max: 5 });
const garbageUnits = fc.oneof(int32, fc.constantFrom(-1, 0, limits.quantityMax, limits.stockMax, 2 ** 31 - 1));
const units = (likely: fc.Arbitrary<number>) => fc.oneof({ weight: 12, arbitrary: likely }, garbageUnits);
const idFrom = (first: number, count: number) => fc.integer({ min: first, max: first + count - 1 }).map(uuidOf);
/** Mostly an id of the command's own kind; now and then one that belongs to another kind. */
const idOf = (own: fc.Arbitrary<string>) => fc.oneof({ weight: 15, arbitrary: own }, idFrom(0, 64));

type OrderRef = { readonly orderId: string; readonly productId: string };
/** An order and a product: mostly the product that most commands give to this order. */
const orderRef: fc.Arbitrary<OrderRef> = fc
  .record({ number: fc.nat({ max: 11 }), own: fc.nat({ max: 7 }), other: product, otherId: fc.nat({ max: 80 }) })
  .map(({ number, own, other, otherId }) => ({
    orderId: uuidOf(otherId < 64 && own === 7 ? otherId : number),
    productId: own === 0 ? other : (productIds[number % 2] ?? other),
  }));

/**
 * One command of three products. Ids come from a few for each kind, so that commands repeat, cancels come before and
 * after their orders, name another product's order or no order at all, and stocktakes name versions that were.
 */
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(orderRef, units(fewUnits))
      .map(([{ orderId, productId }, quantity]) => placeOrder({ commandId: orderId, productId, quantity })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(orderRef, idOf(idFrom(16, 24)))
      .map(([order, commandId]) => cancelOrder({ ...order, commandId })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ commandId: idOf(idFrom(40, 12)), productId: product, quantity: units(fc.nat({ max: 12 })) })
      .map((fields) => receiveStock(fields)),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        commandId: idOf(idFrom(52, 12)),
        productId: product,
        quantity: units(fc.nat({ max: 12 })),
        asOfVersion: fc.option(fc.nat({ max: 8 })),
      })
      .map((fields) => countStock(fields)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(orderRef, idOf(idFrom(89, 12))).map(([order, commandId]) => packOrder({ ...order, commandId })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ commandId: idOf(idFrom(81, 8)), productId: product, archives: fc.boolean() })
      .map(({ archives, ...fields }) => (archives ? archiveProduct(fields) : restoreProduct(fields))),
  },
);

/** A log of commands. Two products begin with stock, so that there is something to sell. */
export const commandLog: fc.Arbitrary<readonly Command[]> = fc
  .array(command, { maxLength: 50, size: "max" })
  .map((rest) => [
    receiveStock({ commandId: uuidOf(64), quantity: 12 }),
    receiveStock({ commandId: uuidOf(65), productId: "p2", quantity: 5 }),
    ...rest,
  ]);

/** How a log is cut into groups: sizes, taken in turn. */
export const groupSizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 8 });

/**
 * From what Avro read to a command that the decider and PostgreSQL take (P7): whatever PostgreSQL would refuse, or what
 * breaks a field's rule, is found here, before it can fail a whole group. Quantities are the exception: one that is out
 * of bounds is a command all right, refused by the decider as `quantity_out_of_range`.
 */
import { limits } from "../limits.ts";
import type { ArchiveProduct, CancelOrder, Command, CommandType, CountStock, DeliveryLocation } from "./commands.ts";
import type { PackOrder, PlaceOrder, ReceiveStock, RestoreProduct, ResumeProduct } from "./commands.ts";
import type { UndecodableReason } from "./undecodable.ts";

const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const productIdShape = new RegExp(`^[A-Za-z0-9._-]{1,${limits.productIdCharsMax}}$`);
const currencyShape = /^[A-Z]{3}$/;
/** The end of the year 9999: well inside what PostgreSQL's timestamps and JavaScript's dates hold. */
const issuedAtMax = 253_402_300_799_999;

/** Thrown within this file only: a rule is broken. It carries no stack, since a log full of bad records is no fault. */
class Broken {
  readonly reason: UndecodableReason;
  constructor(reason: UndecodableReason) {
    this.reason = reason;
  }
}
const broken = (reason: UndecodableReason): never => {
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- caught in commandFrom below; see Broken.
  throw new Broken(reason);
};

/** Lower case, so that one id has one spelling in PostgreSQL, Redis and memory. */
const uuid = (text: string): string => {
  const id = text.toLowerCase();
  return uuidShape.test(id) ? id : broken("invalid_uuid");
};

const productId = (text: string, key: Buffer): string => {
  if (!productIdShape.test(text)) broken("invalid_product_id");
  // The id is ASCII by now, so that the key has the same bytes exactly if it has the same Latin-1 characters.
  return key.length === text.length && key.toString("latin1") === text ? text : broken("key_mismatch");
};

const text = (value: string | null, charsMax: number): string | null => {
  if (value === null) return null;
  if (value.length > charsMax) broken("text_too_long");
  return value.includes("\0") || !value.isWellFormed() ? broken("invalid_text") : value;
};

const number = (value: number, min: number, max: number): number =>
  value >= min && value <= max ? value : broken("number_out_of_range");

/** Any 32 bit integer; avsc reads longer ones without complaint. */
const quantity = (value: number): number => number(value, -(2 ** 31), 2 ** 31 - 1);
const issuedAt = (value: number): number => number(value, 0, issuedAtMax);
const reference = (value: string | null): string | null => text(value, limits.referenceCharsMax);

const actor = (value: string | null): string | null => text(value, limits.actorCharsMax);

const location = (value: DeliveryLocation | null): DeliveryLocation | null =>
  value === null
    ? null
    : {
        latitude: number(value.latitude, -90, 90),
        longitude: number(value.longitude, -180, 180),
        address: text(value.address, limits.addressCharsMax),
      };

const placeOrder = (wire: PlaceOrder, key: Buffer): PlaceOrder => ({
  type: "PlaceOrder",
  commandId: uuid(wire.commandId),
  productId: productId(wire.productId, key),
  quantity: quantity(wire.quantity),
  unitPriceCents: number(wire.unitPriceCents, 0, limits.priceCentsMax),
  currency: currencyShape.test(wire.currency) ? wire.currency : broken("invalid_currency"),
  customerId: text(wire.customerId, limits.customerIdCharsMax),
  basketId: text(wire.basketId, limits.basketIdCharsMax),
  deliveryLocation: location(wire.deliveryLocation),
  issuedAt: issuedAt(wire.issuedAt),
});

const cancelOrder = (wire: CancelOrder, key: Buffer): CancelOrder => ({
  type: "CancelOrder",
  commandId: uuid(wire.commandId),
  productId: productId(wire.productId, key),
  orderId: uuid(wire.orderId),
  issuedAt: issuedAt(wire.issuedAt),
});

const receiveStock = (wire: ReceiveStock, key: Buffer): ReceiveStock => ({
  type: "ReceiveStock",
  commandId: uuid(wire.commandId),
  productId: productId(wire.productId, key),
  quantity: quantity(wire.quantity),
  reference: reference(wire.reference),
  issuedAt: issuedAt(wire.issuedAt),
});

const countStock = (wire: CountStock, key: Buffer): CountStock => ({
  type: "CountStock",
  commandId: uuid(wire.commandId),
  productId: productId(wire.productId, key),
  quantity: quantity(wire.quantity),
  asOfVersion: wire.asOfVersion === null ? null : number(wire.asOfVersion, 0, Number.MAX_SAFE_INTEGER),
  reference: reference(wire.reference),
  issuedAt: issuedAt(wire.issuedAt),
});

const resumeProduct = (wire: ResumeProduct, key: Buffer): ResumeProduct => ({
  type: "ResumeProduct",
  commandId: uuid(wire.commandId),
  productId: productId(wire.productId, key),
  commandsMax: number(wire.commandsMax, 1, limits.resumeCommandsMax),
  issuedAt: issuedAt(wire.issuedAt),
});

const archiveProduct = (wire: ArchiveProduct, key: Buffer): ArchiveProduct => ({
  type: "ArchiveProduct",
  commandId: uuid(wire.commandId),
  productId: productId(wire.productId, key),
  actor: actor(wire.actor),
  issuedAt: issuedAt(wire.issuedAt),
});

const restoreProduct = (wire: RestoreProduct, key: Buffer): RestoreProduct => ({
  ...archiveProduct({ ...wire, type: "ArchiveProduct" }, key),
  type: "RestoreProduct",
});

const packOrder = (wire: PackOrder, key: Buffer): PackOrder => ({
  type: "PackOrder",
  commandId: uuid(wire.commandId),
  productId: productId(wire.productId, key),
  orderId: uuid(wire.orderId),
  actor: actor(wire.actor),
  issuedAt: issuedAt(wire.issuedAt),
});

/**
 * The command in `wire`, which avsc read with our own schema of `commandType`: the casts below rest on that. Makes a new
 * plain object. `key` is the record's key and must be the product id.
 */
export const commandFrom = (commandType: CommandType, wire: unknown, key: Buffer): Command | UndecodableReason => {
  try {
    switch (commandType) {
      case "PlaceOrder":
        return placeOrder(wire as PlaceOrder, key);
      case "CancelOrder":
        return cancelOrder(wire as CancelOrder, key);
      case "ReceiveStock":
        return receiveStock(wire as ReceiveStock, key);
      case "CountStock":
        return countStock(wire as CountStock, key);
      case "ResumeProduct":
        return resumeProduct(wire as ResumeProduct, key);
      case "ArchiveProduct":
        return archiveProduct(wire as ArchiveProduct, key);
      case "RestoreProduct":
        return restoreProduct(wire as RestoreProduct, key);
      case "PackOrder":
        return packOrder(wire as PackOrder, key);
    }
  } catch (error) {
    if (error instanceof Broken) return error.reason;
    throw error;
  }
};

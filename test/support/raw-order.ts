/**
 * A PlaceOrder as some other producer may write it, byte for byte: the ordinary writer would refuse most of what these hold.
 * After Avro's specification: a zigzag varint for int and long, and for a string its length and then its bytes.
 */
import { issuedAt, uuidOf } from "./commands.ts";

type Text = string | Buffer;

export type RawOrder = {
  readonly commandId: Text;
  readonly productId: Text;
  readonly quantity: bigint;
  readonly unitPriceCents: bigint;
  readonly currency: Text;
  readonly customerId: Text | null;
  readonly basketId: Text | null;
  readonly deliveryLocation: {
    readonly latitude: number;
    readonly longitude: number;
    readonly address: Text | null;
  } | null;
  readonly issuedAt: bigint;
};

/** In Confluent's wire format. An order that Tallyman takes, but for the fields given. */
export function rawOrder(schemaId: number, fields: Partial<RawOrder> = {}): Buffer {
  const order: RawOrder = {
    commandId: uuidOf(1),
    productId: "p1",
    quantity: 1n,
    unitPriceCents: 250n,
    currency: "EUR",
    customerId: null,
    basketId: null,
    deliveryLocation: null,
    issuedAt: BigInt(issuedAt),
    ...fields,
  };
  const { deliveryLocation: location } = order;
  return Buffer.concat([
    head(schemaId),
    text(order.commandId),
    text(order.productId),
    long(order.quantity),
    long(order.unitPriceCents),
    text(order.currency),
    optional(order.customerId, text),
    optional(order.basketId, text),
    optional(location, ({ latitude, longitude, address }) =>
      Buffer.concat([double(latitude), double(longitude), optional(address, text)]),
    ),
    long(order.issuedAt),
  ]);
}

export function head(schemaId: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeInt32BE(schemaId, 1);
  return bytes;
}

function long(value: bigint): Buffer {
  let left = value >= 0n ? value * 2n : -value * 2n - 1n;
  const bytes: number[] = [];
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return Buffer.from([...bytes, Number(left)]);
}

function text(value: Text): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([long(BigInt(bytes.length)), bytes]);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

/** A union of null and something. */
function optional<T>(value: T | null, write: (value: T) => Buffer): Buffer {
  return value === null ? long(0n) : Buffer.concat([long(1n), write(value)]);
}

/** Commands as a producer writes them to the world's log. The world's format is its own: JSON, with the rules of the Avro schemas. */
import type {
  ArchiveProduct,
  CancelOrder,
  Command,
  CountStock,
  PlaceOrder,
  ReceiveStock,
} from "../schemas/commands.ts";
import type { PackOrder, RestoreProduct } from "../schemas/commands.ts";
import { simCodec } from "../simulation/sim-codec.ts";

type Filled<C, Optional extends keyof C> = Omit<C, Optional> & Partial<Pick<C, Optional>>;

/** A command to encode: what may be null may be left out, and `issuedAt` is now. */
export type SentCommand =
  | Filled<PlaceOrder, "customerId" | "basketId" | "deliveryLocation" | "issuedAt">
  | Filled<CancelOrder, "issuedAt">
  | Filled<ReceiveStock, "reference" | "issuedAt">
  | Filled<CountStock, "asOfVersion" | "reference" | "issuedAt">
  | Filled<ArchiveProduct | RestoreProduct, "actor" | "issuedAt">
  | Filled<PackOrder, "actor" | "issuedAt">;

/** Throws a `TypeError` where a field breaks its rule: on the log it could not be read. */
export function encodeCommand(sent: SentCommand, issuedAt: number): Buffer {
  const command = filled(sent, issuedAt);
  const value = simCodec.encode(command);
  const decoded = simCodec.decode(Buffer.from(command.productId), value);
  if (decoded.kind === "undecodable") throw new TypeError(`this is no ${command.type}: ${decoded.reason}`);
  return value;
}

function filled(sent: SentCommand, issuedAt: number): Command {
  switch (sent.type) {
    case "PlaceOrder":
      return { customerId: null, basketId: null, deliveryLocation: null, issuedAt, ...sent };
    case "CancelOrder":
      return { issuedAt, ...sent };
    case "ReceiveStock":
      return { reference: null, issuedAt, ...sent };
    case "CountStock":
      return { asOfVersion: null, reference: null, issuedAt, ...sent };
    case "ArchiveProduct":
    case "RestoreProduct":
      return { actor: null, issuedAt, ...sent };
    case "PackOrder":
      return { actor: null, issuedAt, ...sent };
  }
}

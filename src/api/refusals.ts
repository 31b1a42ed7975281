import { limits } from "../limits.ts";
import type { RefusalReason } from "../schemas/lines.ts";

/** A sentence for people; programs read the code and the members. `available` is what was in stock at the decision. */
export function refusalDetail(code: RefusalReason | "order_cancelled", quantity: number, available: number): string {
  switch (code) {
    case "insufficient_stock":
      return `${quantity} wanted, ${available} in stock.`;
    case "product_archived":
      return "The product is archived; orders for it are refused until it is restored.";
    case "quantity_out_of_range":
      return `A quantity is 1 to ${limits.quantityMax}.`;
    case "unknown_product":
      return "The product has had no delivery yet.";
    case "cancelled_before_placed":
      return "Its cancellation arrived before the order itself.";
    case "order_cancelled":
      return "The order was accepted under this id, and cancelled later.";
    case "product_mismatch":
      return "The order with this id is of another product.";
    case "order_rejected":
      return "The order had been refused and took no units.";
    case "order_already_cancelled":
      return "Its units have been given back already.";
    case "not_an_order":
      return "The id belongs to a command that is not an order.";
    case "stock_limit_exceeded":
      return `A product has at most ${limits.stockMax} units.`;
    case "unknown_version":
      return "Read the product again and count as of its present version.";
    case "count_conflict":
      return `Fewer units were counted than have been sold since; ${available} are in stock by the book.`;
    case "not_parked":
      return "Nothing waits for the product.";
    case "still_refused":
      return "The store refuses what one of the waiting commands would write.";
    case "already_archived":
      return "Orders for the product are refused already.";
    case "unknown_order":
      return "No order with this id was there when it was to be packed.";
    case "already_packed":
      return "It is packed, and can't be cancelled or packed any more.";
    case "not_archived":
      return "The product is sold as it is.";
  }
}

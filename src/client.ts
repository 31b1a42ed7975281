/** `tallyman/client`: all that a producer imports of it. docs/producing.md tells how. */
export { createClient } from "./client/client.ts";
export type { Client, ClientOptions, PlaceOptions } from "./client/client.ts";
export { TallymanUnreachable } from "./client/calls.ts";
export type { Fetch, FetchInit, FetchResponse, RetryOptions } from "./client/calls.ts";
export type { PlaceManyOptions } from "./client/place-many.ts";
export type { NewOrder, OrderResult } from "./client/results.ts";
export type { DeliveryLocation } from "./schemas/commands.ts";
export type { OrderDocument, OrderStatus } from "./schemas/order-document.ts";
export type { RefusalReason } from "./schemas/lines.ts";

import type { FastifyReply } from "fastify";
import type { OrderDocument, SeenDriver } from "../schemas/order-document.ts";
import type { KnownPosition } from "../stores/driver-positions.ts";
import type { Product } from "./schemas/products.ts";

/**
 * The entity tag of a product (RFC 9110): its revision, the version of its stock, and whether it is archived, which may be told a moment later than its version, for all of it is in what is read. A change asks for the
 * revision alone: else an order in between would be a conflict.
 */
export const productTag = ({
  revision,
  version,
  archived,
}: Pick<Product, "revision" | "version" | "archived">): string =>
  `"${revision}-${version}${archived ? "-archived" : ""}"`;

/**
 * The entity tag of an order: its revision, the step that it has come to, and who is seen bringing it, for these change no revision. Weak, for two
 * readers may be told of the same pending order with and without its place in the log.
 */
export const orderTag = ({
  revision,
  fulfilment,
  driver,
}: Pick<OrderDocument, "revision" | "fulfilment" | "driver">): string =>
  `W/"${revision}${fulfilment === null ? "" : `-${fulfilment}`}${driver === null ? "" : `-${driver.driverId}`}"`;

/** Of a driver on the way: which observation it is. Weak, for its age is in what is read too. */
export const positionTag = ({ driverId }: SeenDriver, known: KnownPosition | null): string =>
  `W/"${driverId}${known === null ? "" : `-${known.observedAt}-${known.sequence}`}"`;

/** Entity tags of a header, without their quotes; null: it is `*`, which means any. Undefined: it is no such header. */
export function readTags(header: string): string[] | null | undefined {
  if (header.trim() === "*") return null;
  const tags = header.split(",").map((tag) => /^(?:W\/)?"([!#-~]*)"$/.exec(tag.trim())?.[1]);
  return tags.every((tag) => tag !== undefined) ? tags : undefined;
}

/** Whether the caller has the state with that tag (`If-None-Match`); a header that can't be read is as none. */
export function hasAlready(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const tags = readTags(header);
  const [own] = readTags(tag) ?? [];
  return tags === null || (own !== undefined && tags?.includes(own) === true);
}

/** The revisions that the tags are of; null: any. Undefined: it is no such header. Tags of other things are of no revision. */
export function readRevisions(header: string): number[] | null | undefined {
  const tags = readTags(header);
  if (tags === null || tags === undefined) return tags;
  return tags.flatMap((tag) => {
    const revision = /^([0-9]{1,9})(?:-[0-9]+(?:-archived)?)?$/.exec(tag)?.[1];
    return revision === undefined ? [] : [Number(revision)];
  });
}

/** The answer to who has it already; its headers are set before. */
export const sendNotModified = (reply: FastifyReply): FastifyReply => reply.code(304).send();

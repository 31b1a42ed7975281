/** Whether an address may be a webhook's, asked when it is registered, so that whoever registers it hears so at once. Each connection checks again. */
import { lookup } from "node:dns";
import { limits } from "../limits.ts";
import { isPublicAddress, literalAddressOf, notPublic, publicLookup } from "./public-addresses.ts";
import type { Resolve } from "./public-addresses.ts";

/** Null: it may. Else why not, for people. */
export type CheckWebhookAddress = (url: string) => Promise<string | null>;

/** `allowPrivate`: http and addresses that are not public may be, for development and tests. */
export function createWebhookAddressCheck(allowPrivate: boolean, resolve: Resolve = lookup): CheckWebhookAddress {
  return async (text) => {
    const url = URL.parse(text);
    const reason = url === null ? "it is not a URL" : faultOf(url, allowPrivate);
    if (url === null || reason !== null || allowPrivate) return reason;
    if (literalAddressOf(url) !== undefined) return null;
    return resolvedFault(url.hostname, resolve);
  };
}

/** What is wrong with a URL before its name is resolved. */
export function faultOf(url: URL, allowPrivate: boolean): string | null {
  if (url.protocol !== "https:" && !(allowPrivate && url.protocol === "http:")) return "it must begin with https://";
  if (url.username !== "" || url.password !== "") return "it must not have a user or a password";
  const literal = literalAddressOf(url);
  const isRefused = !allowPrivate && literal !== undefined && !isPublicAddress(literal);
  return isRefused ? notPublic(url.hostname, literal).message : null;
}

function resolvedFault(hostname: string, resolve: Resolve): Promise<string | null> {
  return new Promise((settle) => {
    const timer = setTimeout(() => settle(`${hostname} could not be resolved in time`), limits.addressDeadlineMs);
    publicLookup(resolve)(hostname, { all: true }, (error) => {
      clearTimeout(timer);
      settle(error === null ? null : error.message);
    });
  });
}

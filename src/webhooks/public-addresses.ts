/**
 * Which addresses webhooks may lead to: those of the public internet. A webhook is an address that somebody outside chose, and that a process inside asks: without this it would reach what only
 * the inside may.
 *
 * I1 What is checked is the address that is connected to: the name is resolved once, for the connection, and what was resolved is checked there. A name that means another address a moment later
 *    wins nothing.
 * I2 Of a name that means several addresses all must be public: which of them is tried is not ours to say.
 */
import { lookup as lookupAddresses } from "node:dns";
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** As `dns.lookup` with `all`. */
export type Resolve = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/** What the Internet routes; of IPv6 only what was given out for that, also where an older or newer use is not named. */
const globalIpv6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** `address` as text, IPv4 or IPv6; an IPv4 address within an IPv6 one counts as itself. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return parsed.range() === "unicast" && (parsed instanceof ipaddr.IPv4 || parsed.match(globalIpv6));
}

/** The address that the URL's host is written as; undefined: it is a name. */
export function literalAddressOf({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return ipaddr.isValid(bare) ? bare : undefined;
}

/** For a connection: resolves as Node does, and fails with `AddressRefused` where an address is not public (I1, I2). */
export function publicLookup(resolve: Resolve = lookupAddresses): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const refused = addresses.find(({ address }) => !isPublicAddress(address));
      const [first] = addresses;
      if (refused !== undefined || first === undefined) callback(notPublic(hostname, refused?.address), []);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

export const notPublic = (hostname: string, address = "no address"): AddressRefused =>
  new AddressRefused(`${hostname} is ${address}, which is not public`);

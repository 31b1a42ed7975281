/** Where the shop is, and where it delivers to: what /shop offers its customers too. */
import { readFileSync } from "node:fs";
import type { Place } from "./streets.ts";

export type Address = Place & { readonly address: string };

const file = new URL("../../shop/places.json", import.meta.url);

export const town = JSON.parse(readFileSync(file, "utf8")) as { shop: Place; places: Address[] };

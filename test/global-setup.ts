import { complete, readNamed } from "../local/addresses.ts";

/** Runs before the tiers that use the real services: a missing address is one clear sentence and not a hundred time-outs. */
export function setup(): void {
  if (complete(readNamed(process.env)) === undefined) {
    throw new Error(
      "These tests need the services. Run them with `npm test -- <vitest's arguments>`, which starts them, or export what `npm run services` prints.",
    );
  }
}

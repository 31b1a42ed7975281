/** What every ledger store does, whatever it keeps its rows in. The rules that it keeps are P1 to P7, P10 to P13. */
import { afterEach, beforeEach, describe } from "vitest";
import { describeHandOver } from "./ledger-store-hand-over.contract.ts";
import { describeLines } from "./ledger-store-lines.contract.ts";
import { describeLocked } from "./ledger-store-locked.contract.ts";
import { describeParking } from "./ledger-store-parking.contract.ts";
import { describeProgress } from "./ledger-store-progress.contract.ts";
import { describeStock } from "./ledger-store-stock.contract.ts";
import type { CreateWorld, LedgerWorld } from "./ledger-store-world.ts";

export function describeLedgerStore(name: string, create: CreateWorld): void {
  describe(`ledger store: ${name}`, () => {
    let world: LedgerWorld;
    beforeEach(async () => {
      world = await create();
    });
    afterEach(() => world[Symbol.asyncDispose]());

    describeProgress(() => world);
    describeHandOver(() => world);
    describeStock(() => world);
    describeLines(() => world);
    describeLocked(() => world);
    describeParking(() => world);
  });
}

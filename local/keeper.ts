// Stays behind when its owner is killed, and ends what the owner had started (see custody.ts). Each line on its input is the record as it
// is now; the end of the input means that the owner is gone.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { type CustodyRecord, type Ward, stopWards } from "./custody.ts";
import { isAlive } from "./process-identity.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

let wards: Ward[] = [];
for await (const line of createInterface({ input: process.stdin })) wards = (JSON.parse(line) as CustodyRecord).wards;
const left = wards.filter(isAlive);
// Whoever killed the owner wants all of it gone now, so each gets less time than an orderly stop gives.
const killed = await stopWards(
  left.map((ward) => ({ ...ward, stop: { ...ward.stop, limitMs: Math.min(ward.stop.limitMs, 5_000) } })),
);
if (left.length > 0) {
  const names = left.map((ward) => ward.name).join(", ");
  console.log(
    `${new Date().toISOString()} The owner is gone. Stopped ${names}; had to kill ${killed.join(", ") || "none"}.`,
  );
}
for (const file of process.argv.slice(2)) rmSync(file, { force: true });

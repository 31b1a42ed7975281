/**
 * Lets virtual time pass while a user's code runs, until it is done or can't get on any more.
 *
 * I1 While nothing of the world is open (no answer, pause or acknowledgement that the code could wait for), time stands still: code
 *    that does something else, such as reading a file, finds the world as it left it.
 * I2 It always ends: with what the code comes to, or with `ClientStuck`, when that much of the world's time has passed, or when
 *    it has waited for so long for what is not the world's.
 */
import { setTimeout as realSleep } from "node:timers/promises";
import { limits } from "../limits.ts";
import type { World } from "../simulation/world.ts";
import type { OpenCalls } from "./open-calls.ts";

/** The code under test is not done, and nothing that could happen in the world would change that, or not soon. */
export class ClientStuck extends Error {
  override readonly name = "ClientStuck";
}

export type RunBounds = { readonly runMs: number; readonly realWaitMs: number };

/** `tick` is called after each event of the world. */
export async function runToEnd<T>(
  world: World,
  calls: OpenCalls,
  work: Promise<T>,
  { runMs, realWaitMs }: RunBounds,
  tick: () => void,
): Promise<T> {
  const { engine } = world;
  const endMs = engine.now + runMs;
  const isOver = whetherOver(work);
  for (;;) {
    await turns(() => isOver() || !calls.isEmpty, realWaitMs);
    if (isOver()) return await work;
    if (calls.isEmpty) {
      throw new ClientStuck(
        "the code is not done, and waits for nothing of the world: no fetch, sleep, timeout or send is open. It waits for " +
          `something else, such as a timer of the machine or a promise that nobody settles (waited ${realWaitMs} ms)`,
      );
    }
    const hasRest = await world.until(() => (tick(), isOver() || calls.isEmpty), endMs - engine.now);
    tick();
    if (hasRest) continue;
    throw new ClientStuck(
      `the code is not done after ${runMs} ms of the world's time; open: ${calls.describe(limits.testingCallsShown)}`,
    );
  }
}

/** Tells, whenever it is called, whether the promise has been settled. */
export function whetherOver(work: Promise<unknown>): () => boolean {
  let isOver = false;
  const note = (): void => void (isOver = true);
  work.then(note, note);
  return () => isOver;
}

/** Waits without letting the world's time pass; `ms` are of the real clock. */
async function turns(done: () => boolean, ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  while (!done() && performance.now() < endMs) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (!done()) await realSleep(1);
  }
}

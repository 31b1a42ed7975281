/**
 * How many orders a second a hot product may have, found out by how late its partition is decided: fewer by a fifth where it is late, and
 * only after the backlog has had the time to be decided; more where it is well in time and all of it was used, by little near the rate at which it
 * was late before, by much far from it; else as many as before.
 *
 * I1 Never less than `ordersMin` a period, but for a pause of `quotaPauseMsMax` at most.
 * I2 Never more at once than `quotaBurstMs` of it: a burst is a backlog too.
 * I3 Judged by orders alone that were sent after the last change and its pause: those before lay behind a backlog that it did not make.
 */
import type { limits } from "../limits.ts";

export type QuotaLawBounds = Pick<
  typeof limits,
  "quotaPeriodMs" | "quotaOrdersMin" | "quotaAimMs" | "quotaBurstMs" | "quotaPauseMsMax"
>;

/** By how much it is lowered, and raised in a period; and which share of what was decided it begins with. */
const [less, firstShare] = [0.8, 0.6];
/** By which factor it is raised, from which share on of the rate that was too much. */
const more = [
  { from: 1.2, factor: 1.1 },
  { from: 0.7, factor: 1.03 },
  { from: 0, factor: 1.25 },
];
/** It is raised where so much of it was made use of: more could not be told to be too much. */
const usedShare = 0.8;
const promisedMsMax = 1_000;
/** A partition may always be so many times as late as it was in its best period: less is not to be had. */
const timesBest = 2;

export class Quota {
  readonly #bounds: QuotaLawBounds;
  /** Orders a millisecond. */
  #rate: number;
  /** The rate at which its partition was late last. */
  #tooMuch = Infinity;
  #tokens = 0;
  /** Taken by those who were held up, and not sent yet. */
  #promised = 0;
  #at: number;
  #judgeFrom = 0;
  #bestMs = Infinity;
  /** Orders since it was judged last, and when that was. */
  #sent = 0;
  #judgedAt: number;
  /** When there was no room for somebody. */
  #wantedAt: number;

  /** `decided` is how many of the product's orders were decided in a millisecond while its partition was `lateMs` late. */
  constructor(bounds: QuotaLawBounds, time: number, decided: number, lateMs: number) {
    this.#bounds = bounds;
    this.#at = time;
    this.#wantedAt = time;
    this.#judgedAt = time;
    this.#rate = Math.max(this.#least, decided * firstShare);
    this.#pause(time, lateMs);
  }

  get #least(): number {
    return this.#bounds.quotaOrdersMin / this.#bounds.quotaPeriodMs; // I1
  }

  /** The backlog is decided first. */
  #pause(time: number, lateMs: number): void {
    const pauseMs = Math.min(lateMs, this.#bounds.quotaPauseMsMax);
    this.#tokens = -this.#rate * pauseMs;
    this.#at = time;
    this.#judgeFrom = time + pauseMs; // I3
  }

  #refill(time: number): void {
    const burst = Math.max(1, this.#rate * this.#bounds.quotaBurstMs);
    this.#tokens = Math.min(burst, this.#tokens + (time - this.#at) * this.#rate); // I2
    this.#at = time;
  }

  /** Whether an order may be sent now. */
  hasRoom(time: number): boolean {
    this.#refill(time);
    if (this.#promised + this.#tokens >= 1) return true;
    this.#wantedAt = time;
    return false;
  }

  sent(): void {
    this.#sent += 1;
    if (this.#promised >= 1) this.#promised -= 1;
    else this.#tokens -= 1;
  }

  /** Promises room for so many orders at most; how many those are. */
  promise(time: number, orders: number): number {
    this.#refill(time);
    const room = Math.max(0, Math.min(orders, Math.floor(this.#tokens)));
    this.#tokens -= room;
    // What is promised and never sent, for another reason, is no room for ever.
    this.#promised = Math.min(this.#promised + room, Math.max(1, this.#rate * promisedMsMax));
    if (room < orders) this.#wantedAt = time;
    return room;
  }

  /** Milliseconds until there is room for so many, or for as many as there ever is at once. */
  msUntilRoom(time: number, orders: number): number {
    this.#refill(time);
    const wanted = Math.max(1, Math.min(orders, (this.#rate * this.#bounds.quotaBurstMs) / 2));
    return Math.max(0, (wanted - this.#tokens) / this.#rate);
  }

  /** For so long there has been room for everybody. */
  unwantedMs(time: number): number {
    return time - this.#wantedAt;
  }

  /** From when on orders must have been sent for their delay to tell of this quota. */
  get judgeFrom(): number {
    return this.#judgeFrom;
  }

  /** `lateMs` is how late such orders usually were. */
  judge(time: number, lateMs: number): void {
    const { quotaAimMs } = this.#bounds;
    this.#bestMs = Math.min(this.#bestMs, lateMs);
    const aimMs = Math.max(quotaAimMs, timesBest * this.#bestMs);
    if (lateMs > aimMs) {
      // Something else was in the way, where that was well below what went before.
      this.#tooMuch = Number.isFinite(this.#tooMuch) ? Math.max(this.#rate, this.#tooMuch * less) : this.#rate;
      this.#rate = Math.max(this.#least, this.#rate * less);
      this.#pause(time, lateMs - aimMs);
    } else if (lateMs < aimMs / 2 && this.#sent >= usedShare * this.#rate * (time - this.#judgedAt)) {
      this.#rate *= more.find(({ from }) => this.#rate / this.#tooMuch >= from)?.factor ?? 1;
    }
    this.#sent = 0;
    this.#judgedAt = time;
  }
}

/**
 * Where each assigned partition is read next, as the source knows it. It decides which fetched ranges are handed on:
 * kafkajs may bring ranges that were fetched before a seek, before a rebalance, or for a partition that is gone.
 *
 * I1 Nothing of a partition is handed on between its assignment and the first `seek`.
 * I2 A range is handed on only if it starts where the partition was sought, or where the last range handed on ended.
 *    One that starts elsewhere was on its way when that changed; it is dropped, and the partition is sought again.
 * I3 If the very next range starts elsewhere again, the log does not hold that offset any more, or not yet, and kafkajs
 *    has reset itself to the first one (kafkajs hazard 9). The range is handed on as it is: to judge it is the listener's
 *    job (P4, P11), and to drop it for ever would be a silent standstill.
 */
export type Verdict = "deliver" | "drop" | "seek_again";

type Position = { next: number; strayed: boolean };

export class Positions {
  readonly #assigned = new Set<number>();
  readonly #positions = new Map<number, Position>();

  /** These partitions are assigned, no others, and none of them is sought yet. */
  assign(partitions: readonly number[]): void {
    this.#assigned.clear();
    this.#positions.clear();
    for (const partition of partitions) this.#assigned.add(partition);
  }

  isAssigned(partition: number): boolean {
    return this.#assigned.has(partition);
  }

  /** Where the partition was sought or read to; undefined before the first `seek`. */
  next(partition: number): number | undefined {
    return this.#positions.get(partition)?.next;
  }

  seek(partition: number, offset: number): void {
    this.#positions.set(partition, { next: offset, strayed: false });
  }

  /** What to do with the range [from, to). Delivering moves the position to its end. */
  judge(partition: number, from: number, to: number): Verdict {
    const position = this.#positions.get(partition);
    if (position === undefined) return "drop"; // I1
    if (from !== position.next && !position.strayed) {
      position.strayed = true;
      return "seek_again"; // I2
    }
    position.next = to; // I2, or I3 after a second stray
    position.strayed = false;
    return "deliver";
  }
}

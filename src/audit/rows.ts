/** Rows that come in pages, looked at one by one; no more than a page is held. */
export class Rows<Row> {
  readonly #pages: AsyncIterator<readonly Row[]>;
  #page: readonly Row[] = [];
  #at = 0;
  #ended = false;
  /** Rows that were taken. */
  taken = 0;

  constructor(pages: AsyncIterable<readonly Row[]>) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  /** The next row, which stays; undefined at the end. */
  async peek(): Promise<Row | undefined> {
    while (this.#at === this.#page.length && !this.#ended) {
      const next = await this.#pages.next();
      if (next.done === true) this.#ended = true;
      else [this.#page, this.#at] = [next.value, 0];
    }
    return this.#page[this.#at];
  }

  /** Takes rows, in order, while they are as asked. */
  async *takeWhile(isWanted: (row: Row) => boolean): AsyncGenerator<Row> {
    for (let row = await this.peek(); row !== undefined && isWanted(row); row = await this.peek()) {
      this.#at += 1;
      this.taken += 1;
      yield row;
    }
  }

  /** The same as an array: for those that are few. */
  async takeAll(isWanted: (row: Row) => boolean): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const row of this.takeWhile(isWanted)) rows.push(row);
    return rows;
  }
}

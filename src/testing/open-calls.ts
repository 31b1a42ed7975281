/**
 * What a user's code waits for in the world: answers, pauses, acknowledgements. As long as there is something, time may pass; when
 * there is nothing and the code is not done, it waits for something that the world will never bring.
 */
export class OpenCalls {
  readonly #calls = new Map<number, { readonly what: string; readonly sinceMs: number }>();
  readonly #now: () => number;
  #number = 0;

  /** `now`: milliseconds of the world. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#calls.size === 0;
  }

  /** Returns how to say that it is over. */
  begin(what: string): () => void {
    const number = this.#number++;
    this.#calls.set(number, { what, sinceMs: this.#now() });
    return () => void this.#calls.delete(number);
  }

  /** The oldest ones, for a reader. */
  describe(callsMax: number): string {
    const shown = [...this.#calls.values()].slice(0, callsMax);
    const told = shown.map(({ what, sinceMs }) => `${what} for ${Math.round(this.#now() - sinceMs)} ms`);
    const others = this.#calls.size - shown.length;
    return [...told, ...(others > 0 ? [`${others} more`] : [])].join(", ");
  }
}

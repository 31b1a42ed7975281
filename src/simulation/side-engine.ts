import { Engine } from "./engine.ts";

/**
 * The time of a world, with chance of its own: whoever draws from it leaves alone what everybody else draws, so that worlds stay what
 * they were when something is added beside them.
 */
export class SideEngine extends Engine {
  readonly #main: Engine;

  constructor(main: Engine, seed: number) {
    super(seed);
    this.#main = main;
  }

  override get now(): number {
    return this.#main.now;
  }

  override get isTraced(): boolean {
    return this.#main.isTraced;
  }

  override after(ms: number, label: string, work: () => void): () => void {
    return this.#main.after(ms, label, work);
  }

  override say(text: string): void {
    this.#main.say(text);
  }
}

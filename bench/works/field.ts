// Who stands on the field: the contenders that take orders over HTTP, each started when it is first needed and kept until the end, so that
// a repetition finds all of them warm, and their tables growing alike.
import type { Contender, Running } from "../contenders/contender.ts";
import type { Bench } from "../support/bench.ts";
import { whole } from "../support/numbers.ts";
import type { Scale } from "./scale.ts";

export type Player = {
  readonly contender: Contender;
  readonly running: Running;
  /** Of all works but those on one hot product. */
  readonly productIds: readonly string[];
  /** One that nobody has ordered yet. */
  newProduct(): Promise<string>;
  /** Orders that were taken, each once, whatever was decided. */
  taken: number;
};

export type Field = AsyncDisposable & {
  /** Starts it, with its products, when it is not there yet. Only of those that can be started. */
  player(contender: Contender): Promise<Player>;
  /** What is wrong with the books of all of them, a sentence each. */
  audit(): Promise<string[]>;
};

export function createField(bench: Bench, { products, units }: Pick<Scale, "products" | "units">): Field {
  const stack = new AsyncDisposableStack();
  const players = new Map<string, Player>();

  const enter = async (contender: Contender): Promise<Player> => {
    if (contender.start === undefined) throw new Error(`${contender.key} takes no orders over HTTP.`);
    const running = stack.use(await contender.start(bench));
    const productIds = Array.from({ length: products }, (_, n) => `product-${n}`);
    await bench.progress.step(`${contender.title}: ${whole(products)} products`, () =>
      running.addProducts(productIds, units),
    );
    let added = 0;
    const newProduct = async (): Promise<string> => {
      const id = `hot-${added++}`;
      await running.addProducts([id], units);
      return id;
    };
    return { contender, running, productIds, newProduct, taken: 0 };
  };
  return {
    player: async (contender) => {
      const player = players.get(contender.key) ?? (await enter(contender));
      players.set(contender.key, player);
      return player;
    },
    audit: async () => {
      const problems: string[] = [];
      for (const { contender, running, taken } of players.values()) {
        const { accepted, rejected } = await running.stored();
        const found = await running.verify();
        if (accepted + rejected !== taken)
          found.push(`${whole(taken)} orders were taken, and ${whole(accepted + rejected)} are stored.`);
        problems.push(...found.map((problem) => `${contender.title}: ${problem}`));
      }
      return problems;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

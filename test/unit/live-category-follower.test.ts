/** Whoever follows a category, however slow, sees of each product the newest that came since, in order and once; what is kept has a bound. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Category, CategoryFollower } from "../../src/api/live/category-follower.ts";
import { LiveState } from "../../src/api/live/live-state.ts";

type Seen = { readonly follower: CategoryFollower; readonly newest: Map<string, number>; last: number };

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("note" as const),
      product: fc.nat(4),
      name: fc.constantFrom("stock", "product"),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("take" as const), who: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("follow" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("many" as const), product: fc.nat(4) }) },
);

test("changes are seen once, in order, and to the end", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), (steps) => {
      const category = new Category("c");
      const followers: Seen[] = [];
      let position = 0;
      const follow = (): void => {
        const calls = { wake: () => undefined, ended: () => undefined };
        const follower = new CategoryFollower(category, calls, () => undefined);
        follower.open();
        followers.push({ follower, newest: new Map(), last: position });
      };
      const note = (product: number, name: "stock" | "product"): void => {
        position += 1;
        const id = `p${product}`;
        category.note(id, new LiveState("product", name, [position, 0], { id }));
        for (const { newest } of followers) newest.set(`${name} ${id}`, position);
      };
      const take = (seen: Seen): boolean => {
        expect(seen.follower.hasNext()).toBe(seen.newest.size > 0);
        const told = seen.follower.next();
        if (told === null) return false;
        const [at = 0] = told.state.position ?? [];
        const key = `${told.state.name} ${told.id}`;
        expect(at).toBe(seen.newest.get(key));
        expect(at).toBeGreaterThan(seen.last);
        seen.newest.delete(key);
        seen.last = at;
        return true;
      };
      follow();
      for (const each of steps) {
        if (each.do === "note") note(each.product, each.name === "stock" ? "stock" : "product");
        else if (each.do === "many") for (let count = 0; count < 70; count++) note(each.product, "stock");
        else if (each.do === "follow") follow();
        else {
          const seen = followers[each.who % followers.length];
          if (seen !== undefined) take(seen);
        }
        expect(category.kept).toBeLessThan(200);
      }
      for (const seen of followers) {
        while (take(seen));
        expect(seen.newest.size).toBe(0);
      }
    }),
    { numRuns: 500 },
  );
});

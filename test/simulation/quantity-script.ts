/** What happens in a world of quantities, drawn by fast-check. */
import fc from "fast-check";
import { counts, products } from "./quantity-world.ts";
import type { QuantityStep } from "./quantity-world.ts";

const partition = fc.nat(counts.after - 1);
const product = fc.nat(products.length - 1);
const of = <Name extends string>(...names: Name[]) => fc.constantFrom(...names);

/** Few partitions and products at a time, so that those who meet on one are many. */
const owned = (partitions: fc.Arbitrary<number>, decided: fc.Arbitrary<number>): fc.Arbitrary<QuantityStep> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: of("decide alone"), partition: partitions, product: decided }) },
    { weight: 1, arbitrary: fc.record({ do: of("decide"), partition: partitions, product: decided }) },
    { weight: 6, arbitrary: fc.record({ do: of("tell"), partition: partitions }) },
    { weight: 4, arbitrary: fc.record({ do: of("note", "commit", "take over", "learn"), partition: partitions }) },
    { weight: 1, arbitrary: fc.record({ do: of("wake late owner"), late: fc.nat(3) }) },
    { weight: 5, arbitrary: fc.record({ do: of("miss", "ask", "refill", "lose", "expire"), product: decided }) },
    { weight: 1, arbitrary: fc.record({ do: of("flush") }) },
  );
/** The owners of the new partitions may have learnt of them before. */
const learnt: QuantityStep[] = [2, 3].map((partition) => ({ do: "learn", partition }));
export const quantityScript: fc.Arbitrary<readonly QuantityStep[]> = fc
  .tuple(
    fc.constantFrom<QuantityStep[]>([], learnt),
    fc.uniqueArray(partition, { minLength: 1, maxLength: 3 }),
    fc.uniqueArray(product, { minLength: 1, maxLength: 2 }),
  )
  .chain(([before, some, few]) => {
    const steps = fc.array(owned(fc.constantFrom(...some), fc.constantFrom(...few)), { minLength: 4, maxLength: 25 });
    return steps.map((each) => [...before, ...each]);
  });

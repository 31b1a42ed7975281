/** All works, in the order in which a repetition does them. */
import { batches } from "./batches.ts";
import { drain } from "./drain.ts";
import { latency } from "./latency.ts";
import { neighbours } from "./neighbours.ts";
import { overload } from "./overload.ts";
import { posts } from "./posts.ts";
import { products } from "./products.ts";
import { retries } from "./retries.ts";
import { takeOver } from "./take-over.ts";
import type { Work } from "./work.ts";

export const works: readonly Work[] = [
  posts,
  batches,
  retries,
  latency,
  overload,
  neighbours,
  drain,
  takeOver,
  products,
];

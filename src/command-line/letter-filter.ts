/** Which letters a command is about. */
import type { LetterFilter } from "../stores/dead-letter-store.ts";

export type FilterFlags = { readonly reason?: string; readonly product?: string; readonly partition?: number };

export function filterOf({ reason, product, partition }: FilterFlags): LetterFilter {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(product === undefined ? {} : { productId: product }),
    ...(partition === undefined ? {} : { partition }),
  };
}

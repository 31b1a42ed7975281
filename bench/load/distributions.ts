/** Which product each order is for. Pure but for the randomness that is passed in. */

export type Distribution = "uniform" | "zipf";

/** Draws places from 0 to `count` - 1: the first one twice as often as the second, three times as often as the third, and so on. */
export function createZipf(count: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let place = 0; place < count; place += 1) sums[place] = sum += 1 / (place + 1);
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/**
 * Draws products: by Zipf's law; or each as often as the others, all of them before one comes again.
 */
export function createProductDraw(
  productIds: readonly string[],
  distribution: Distribution,
  random: () => number,
): () => string {
  if (distribution === "zipf") {
    const draw = createZipf(productIds.length, random);
    return () => productIds[draw()] ?? "";
  }
  const shuffled = productIds
    .map((id) => ({ id, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ id }) => id);
  let at = 0;
  return () => shuffled[at++ % shuffled.length] ?? "";
}

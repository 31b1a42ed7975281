/**
 * Runs all of `work` side by side. The first that fails aborts the signal that the others were made with; its error is thrown when all have
 * settled, so that nothing still starts behind the back of whoever cleans up.
 */
export async function allOrNone<T>(
  outer: AbortSignal,
  makeWork: (signal: AbortSignal) => (() => Promise<T>)[],
): Promise<T[]> {
  const giveUp = new AbortController();
  let first: Error | undefined;
  const attempts = makeWork(AbortSignal.any([outer, giveUp.signal])).map(async (begin) => {
    try {
      return await begin();
    } catch (error) {
      // What the others say after that is only that they were given up.
      first ??= error instanceof Error ? error : new Error(String(error));
      giveUp.abort();
      throw error;
    }
  });
  const ends = await Promise.allSettled(attempts);
  if (first !== undefined) throw first;
  return ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
}

/**
 * The number of the Redis database that this test file may empty. Files that run side by side are in different workers of
 * vitest, which numbers these from 1 on; a worker that is done makes room for the next one. Database 0 is the services' own.
 */
export function redisDatabase(): number {
  const number = Number(process.env.VITEST_POOL_ID);
  // Redis has sixteen by default.
  if (!Number.isInteger(number) || number < 1 || number > 15)
    throw new Error(`there is no Redis database for worker ${number}`);
  return number;
}

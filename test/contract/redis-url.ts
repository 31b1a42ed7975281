/**
 * The Redis that the tests may empty, at its database `database`: one for each test file, since files run side by side.
 * Without the variable a run of these tests is a failure, not a skip: it would prove nothing.
 */
export function redisUrl(database: number): string {
  const url = process.env.REDIS_URL;
  if (url === undefined)
    throw new Error("REDIS_URL is needed: run npm test, or npm run services and set what it prints");
  const own = new URL(url);
  own.pathname = `/${database}`;
  return own.href;
}

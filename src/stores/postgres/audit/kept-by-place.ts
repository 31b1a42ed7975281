/** All dead letters by their place in the log, without their bytes. No locks. */
export const keptByPlaceSql = `
  select "partition", "offset", kind, outcome, command_id as "commandId", encode(sha256(record_key), 'hex') as "keyDigest",
         encode(sha256(record_value), 'hex') as "valueDigest", coalesce(length(record_value), 0) as "keptBytes",
         coalesce(value_bytes, length(record_value), 0) as "valueBytes"
  from dead_letters order by "partition", "offset"`;

/** Input: command ids. Result: dead letters of resumed commands, in the order in which they came. No locks. */
export const resumedByIdSql = `
  select letter_id as "letterId", product_id as "productId", command_id as "commandId", record_key as key,
         record_value as value
  from dead_letters where command_id = any($1::uuid[]) and outcome = 'resumed' order by letter_id`;

/** Products that are not parked, with the number of their commands that wait. No locks. */
export const forgottenSql = `
  select product_id as "productId", count(*)::int4 as letters from dead_letters d
  where product_id is not null and outcome is null
    and not exists (select from stock s where s.product_id = d.product_id and s.parked_because is not null)
  group by product_id`;

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

/** Commands that still wait, though one of their product that came later was resumed. No locks. */
export const overtakenSql = `
  with resumed as (
    select product_id, max(letter_id) as last from dead_letters where outcome = 'resumed' group by product_id
  )
  select d.product_id as "productId", d.command_id as "commandId", d."partition", d."offset"
  from dead_letters d join resumed r on r.product_id = d.product_id and d.letter_id < r.last
  where d.outcome is null`;

/** Dead letters that were redriven as a command that has neither a line nor a dead letter. No locks. */
export const unsentSql = `
  select d."partition", d."offset", d.redriven_as as "redrivenAs" from dead_letters d
  where d.outcome = 'redriven' and not exists (select from ledger l where l.command_id = d.redriven_as)
    and not exists (select from dead_letters o where o.command_id = d.redriven_as)`;

/** Products that are not parked, with the number of their commands that wait. No locks. */
export const forgottenSql = `
  select product_id as "productId", count(*)::int4 as letters from dead_letters d
  where product_id is not null and outcome is null
    and not exists (select from stock s where s.product_id = d.product_id and s.parked_because is not null)
  group by product_id`;

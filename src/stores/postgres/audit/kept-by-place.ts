/**
 * All dead letters by their place in the log, whatever columns later migrations have added: `kind`, `outcome` and
 * `command_id` are read where they are. No locks.
 */
export const keptByPlaceSql = `
  select "partition", "offset", coalesce(row ->> 'kind', 'undecodable') as kind, row ->> 'outcome' as outcome,
         row ->> 'command_id' as "commandId", record_key as key, record_value as value
  from (select d.*, to_jsonb(d) - 'record_key' - 'record_value' - 'headers' as row from dead_letters d) as letters
  order by "partition", "offset"`;

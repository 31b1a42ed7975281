/** Input: partitions. Result: partition, epoch, next_offset, effects_offset, decisions_offset, last_offset, last_checksum of those that were ever claimed. No locks. */
export const readProgressSql = `
  select partition, epoch, next_offset, effects_offset, decisions_offset, last_offset, last_checksum from partitions where partition = any($1::int4[])`;

/** Input: partitions. Result: none that matters. Locks the rows of `partitions`, in order, before anything else (P5). */
export const lockPartitionsSql = `
  select partition from partitions where partition = any($1::int4[]) order by partition for update`;

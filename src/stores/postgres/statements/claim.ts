/**
 * Input: partitions, owner. Raises each partition's epoch by one (P10); a missing row is made with epoch 1.
 * Result: partition, epoch, next_offset, effects_offset, last_offset, last_checksum. Locks: the rows of `partitions`, in order.
 */
export const claimSql = `
  insert into partitions as t (partition, epoch, owner)
    select partition, 1, $2 from unnest($1::int4[]) as g(partition) order by partition
  on conflict (partition) do update set epoch = t.epoch + 1, owner = excluded.owner, claimed_at = now()
  returning partition, epoch, next_offset, effects_offset, last_offset, last_checksum`;

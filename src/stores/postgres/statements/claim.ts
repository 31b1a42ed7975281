/**
 * Input: partitions, owner. Raises each partition's epoch by one (P10); a missing row is made with epoch 1.
 * Result: partition, epoch, next_offset, effects_offset, decisions_offset, last_offset, last_checksum. Locks: the rows of `partitions`, in order.
 */
export const claimSql = claimWhere("true");

/**
 * The same for those that nobody holds: never claimed, released since they were claimed, or claimed by this same owner in an
 * earlier life. The others stay as they are. Waits for commits to them that are under way.
 */
export const claimFreeSql = claimWhere("t.released_epoch = t.epoch or t.owner = excluded.owner");

/** Input: partitions, owner. Notes, for people, who waits for those that are still held. Locks: the rows of `partitions`, in order. */
export const awaitSql = `
  update partitions t set awaited_epoch = t.epoch, awaited_by = $2
  from (
    select p.partition from partitions p
    where p.partition = any($1::int4[]) and p.owner <> $2 and p.released_epoch is distinct from p.epoch
      and (p.awaited_epoch is distinct from p.epoch or p.awaited_by is distinct from $2)
    order by p.partition for update of p
  ) g
  where t.partition = g.partition`;

function claimWhere(condition: string): string {
  return `
  insert into partitions as t (partition, epoch, owner)
    select partition, 1, $2 from unnest($1::int4[]) as g(partition) order by partition
  on conflict (partition) do update set epoch = t.epoch + 1, owner = excluded.owner, claimed_at = now()
    where ${condition}
  returning partition, epoch, next_offset, effects_offset, decisions_offset, last_offset, last_checksum`;
}

/**
 * Input: partitions, epochs, offsets of effects, offsets of decisions. Says that their owner has let go of them, and how far it has told, where the epoch
 * is still the given one; a commit of that owner that is under way is waited for. Locks: the rows of `partitions`, in order.
 */
export const releaseSql = `
  update partitions t set released_epoch = t.epoch,
    effects_offset = greatest(t.effects_offset, least(g.effects_offset, t.next_offset)),
    decisions_offset = greatest(t.decisions_offset, least(g.decisions_offset, t.next_offset))
  from (
    select p.partition, g.effects_offset, g.decisions_offset
    from unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[]) as g(partition, epoch, effects_offset, decisions_offset)
    join partitions p on p.partition = g.partition and p.epoch = g.epoch
    order by p.partition for update of p
  ) g
  where t.partition = g.partition`;

/** Input: partitions, numbers. Adds to the commits that were refused to owners out of date. Locks: the rows of `partitions`, in order. */
export const countFencedSql = `
  update partitions t set fenced_commits = t.fenced_commits + g.fenced
  from (
    select p.partition, g.fenced
    from unnest($1::int4[], $2::int8[]) as g(partition, fenced)
    join partitions p on p.partition = g.partition
    order by p.partition for update of p
  ) g
  where t.partition = g.partition`;

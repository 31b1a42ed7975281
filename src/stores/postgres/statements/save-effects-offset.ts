/**
 * Input: partitions, epochs, offsets. Remembers how far effects are done, for owners that are still owners, never
 * backwards (P15). Locks: the rows of `partitions`, in order.
 */
export const saveEffectsOffsetSql = `
  update partitions t set effects_offset = g.effects_offset
  from (
    select p.partition, g.effects_offset
    from unnest($1::int4[], $2::int8[], $3::int8[]) as g(partition, epoch, effects_offset)
    join partitions p on p.partition = g.partition and p.epoch = g.epoch and p.effects_offset < g.effects_offset
    order by p.partition for update of p
  ) g
  where t.partition = g.partition`;

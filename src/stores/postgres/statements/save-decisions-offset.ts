/**
 * Input: partitions, epochs, offsets. Remembers how far decisions are told, for owners that are still owners, never
 * backwards (P15). Locks: the rows of `partitions`, in order.
 */
export const saveDecisionsOffsetSql = `
  update partitions t set decisions_offset = g.decisions_offset
  from (
    select p.partition, g.decisions_offset
    from unnest($1::int4[], $2::int8[], $3::int8[]) as g(partition, epoch, decisions_offset)
    join partitions p on p.partition = g.partition and p.epoch = g.epoch and p.decisions_offset < g.decisions_offset
    order by p.partition for update of p
  ) g
  where t.partition = g.partition`;

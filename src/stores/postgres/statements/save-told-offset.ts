/**
 * Input: partitions, epochs, offsets. Remembers in `column` how far one outlet has told what was decided, for owners that are still owners,
 * never backwards (P15). Locks: the rows of `partitions`, in order.
 */
const saveToldOffsetSql = (column: "effects_offset" | "decisions_offset"): string => `
  update partitions t set ${column} = g.told
  from (
    select p.partition, g.told
    from unnest($1::int4[], $2::int8[], $3::int8[]) as g(partition, epoch, told)
    join partitions p on p.partition = g.partition and p.epoch = g.epoch and p.${column} < g.told
    order by p.partition for update of p
  ) g
  where t.partition = g.partition`;

export const saveEffectsOffsetSql = saveToldOffsetSql("effects_offset");
export const saveDecisionsOffsetSql = saveToldOffsetSql("decisions_offset");

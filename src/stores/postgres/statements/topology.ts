/**
 * Input: none. Result: each partition that was ever claimed, in order, with the time of its last decision. Several lines may share
 * the last offset, one of them changed by the others: the newest counts. No locks.
 */
export const topologySql = {
  name: "topology",
  text: `
  select p.partition, p.owner, p.epoch, p.claimed_at, p.released_epoch is not distinct from p.epoch as released,
         case when p.awaited_epoch = p.epoch and p.released_epoch is distinct from p.epoch then p.awaited_by end as awaited_by,
         p.next_offset, p.effects_offset, p.fenced_commits, last.decided_at
  from partitions p
  left join lateral (
    select l.decided_at from ledger l where l."partition" = p.partition order by l."offset" desc, l.decided_at desc limit 1
  ) last on true
  order by p.partition`,
};

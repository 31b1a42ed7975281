/**
 * Input: partitions (int4[]) and, beside each, the offset to stay below (int8[]), then limit. Result: PlaceOrder lines with
 * the status, merged over the partitions, newest decision first. Locks: none.
 *
 * Each partition is walked down its log by an index, and of each at most `limit` lines are looked at: accepted ones in
 * ledger_log, the others in the partial indexes ledger_rejected and ledger_cancelled. A page must hold an unbroken run of
 * every partition's lines, for the next one goes on below its lowest offset; so they are merged by `seen_at`, the earliest
 * decision so far on the way down the log, which never grows on that way as `decided_at` itself might.
 */
import type { LineStatus } from "../../../schemas/lines.ts";
import { lineColumns } from "../line-columns.ts";

/** The status stands in the text itself, so that the planner can match it with the partial index. */
const statement = (status: LineStatus) => ({
  name: `read_orders_${status}`,
  text: `
    select newest.*
    from unnest($1::int4[], $2::int8[]) as wanted("partition", below)
    cross join lateral (
      select found.*, min(found.decided_at) over (order by found."offset" desc) as seen_at
      from (
        select ${lineColumns} from ledger l
        where l."partition" = wanted."partition" and l."offset" < wanted.below
          and l.type = 'PlaceOrder' and l.status = '${status}'
        order by l."offset" desc limit $3
      ) as found
    ) as newest
    order by newest.seen_at desc, newest."partition", newest."offset" desc limit $3`,
});

export const ordersByStatusSql = {
  accepted: statement("accepted"),
  rejected: statement("rejected"),
  cancelled: statement("cancelled"),
} as const satisfies Record<LineStatus, unknown>;

import { letterColumns } from "../letter-rows.ts";

/**
 * Input: partitions, limit, bytes. Result: letters of which nobody was told, oldest first, but those that only wait: as many as
 * have so many bytes of values together, and one in any case. No locks.
 */
export const unpublishedSql = {
  name: "unpublished_letters",
  text: `
    select ${letterColumns}
    from (
      select *, sum(coalesce(octet_length(record_value), 0)) over (order by letter_id) as bytes,
             row_number() over (order by letter_id) as place
      from (
        select * from dead_letters
        where "partition" = any($1::int4[]) and published_at is null and kind <> 'waiting'
        order by letter_id limit $2
      ) t
    ) l
    where place = 1 or bytes <= $3 order by letter_id`,
};

/** Input: letter ids. Locks: their rows, in order. */
export const markPublishedSql = {
  name: "mark_published",
  text: `
    update dead_letters t set published_at = now()
    from (select letter_id from dead_letters where letter_id = any($1::int8[]) order by letter_id for update) g
    where t.letter_id = g.letter_id`,
};

/** Input: command ids. Result: the first letter of each that is not settled. No locks. */
export const undecidedLettersSql = {
  name: "undecided_letters",
  text: `
    select distinct on (command_id) ${letterColumns} from dead_letters
    where command_id = any($1::uuid[]) and outcome is null order by command_id, letter_id`,
};

/** Input: limit. Result: product_id, parked_because, parked_at, waiting of parked products, parked longest first. No locks. */
export const parkedSql = {
  name: "parked_products",
  text: `
    select product_id, parked_because, parked_at,
           (select count(*) from dead_letters l where l.product_id = s.product_id and l.outcome is null)::int as waiting
    from stock s where parked_because is not null order by parked_at, product_id limit $1`,
};

/** Input: partition, offset. Result: the letter at that place. No locks. */
export const letterAtSql = {
  name: "letter_at",
  text: `select ${letterColumns} from dead_letters where "partition" = $1 and "offset" = $2`,
};

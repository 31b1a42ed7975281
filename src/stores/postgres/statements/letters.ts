import { letterColumns, letterHeadColumns } from "../letter-rows.ts";

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

const parkedProducts = `
  select product_id, parked_because, parked_at,
         (select count(*) from dead_letters l where l.product_id = s.product_id and l.outcome is null)::int as waiting
  from stock s where parked_because is not null`;

/** Input: limit. Result: product_id, parked_because, parked_at, waiting of parked products, parked longest first. No locks. */
export const parkedSql = {
  name: "parked_products",
  text: `${parkedProducts} order by parked_at, product_id limit $1`,
};

/** Input: product id. Result: the same of this product, where it is parked. No locks. */
export const parkedProductSql = { name: "parked_product", text: `${parkedProducts} and product_id = $1` };

/** Input: partition, offset. Result: the letter at that place. No locks. */
export const letterAtSql = {
  name: "letter_at",
  text: `select ${letterColumns} from dead_letters where "partition" = $1 and "offset" = $2`,
};

/**
 * Input: letter id, kinds, beginning of the reason, product id, partition, settled too; each but the first may be null, which asks for
 * nothing; limit. Result: heads of the letters after that one, in the order in which they came. No locks.
 */
export const letterHeadsSql = {
  name: "letter_heads",
  text: `
    select ${letterHeadColumns} from dead_letters
    where letter_id > $1 and ($2::text[] is null or kind = any($2::text[])) and ($3::text is null or starts_with(reason, $3::text))
      and ($4::text is null or product_id = $4::text or (product_id is null and record_key = convert_to($4::text, 'UTF8')))
      and ($5::int4 is null or "partition" = $5::int4) and ($6::bool or outcome is null)
    order by letter_id limit $7`,
};

/**
 * Input: partition, offset, outcome, id of the command that it was redriven as, operator's words. Result: one row, where the letter at
 * that place had no outcome. Locks: that row alone, so that nobody who locks others can be in its way.
 */
export const settleLetterSql = {
  name: "settle_letter",
  text: `
    update dead_letters set outcome = $3, settled_at = now(), redriven_as = $4, settled_because = $5
    where "partition" = $1 and "offset" = $2 and outcome is null returning letter_id`,
};

import { letterColumns } from "../letter-rows.ts";

/** Input: product id, limit. Result: the letters of commands that wait for it, in the order in which they came. No locks. */
export const waitingSql = `
  select ${letterColumns} from dead_letters
  where product_id = $1 and outcome is null order by letter_id limit $2`;

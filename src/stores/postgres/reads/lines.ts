import { lineColumns } from "./line-columns.ts";

/**
 * Input: command ids (uuid[]). Result: their ledger lines, in no order; ids without a line are missing. Locks: none.
 */
export const linesSql = {
  name: "read_lines",
  text: `select ${lineColumns} from ledger where command_id = any($1::uuid[])`,
};

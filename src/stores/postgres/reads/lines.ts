import { linesByIdSql } from "../statements/prefetch.ts";

/**
 * Input: command ids (uuid[]). Result: their ledger lines, in no order; ids without a line are missing. Locks: none.
 */
export const linesSql = {
  name: "read_lines",
  text: linesByIdSql,
};

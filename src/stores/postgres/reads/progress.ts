/**
 * Input: none. Result: every partition that was ever claimed, and the first offset that it has not decided (P17). Locks: none.
 */
export const progressSql = {
  name: "read_progress",
  text: `select "partition", next_offset from partitions`,
};

const columns = `version, partition_count, phase, to_count, hurried, cuts, changed_at`;

/** Input: none. Result: the partition map, or no row. No locks. */
export const readMapSql = { name: "read_partition_map", text: `select ${columns} from partition_map` };

/** Input: partition count. Result: none. Makes a stable map unless there is one. Locks: that row. */
export const createMapSql = {
  name: "create_partition_map",
  text: `insert into partition_map (partition_count) values ($1) on conflict do nothing`,
};

/**
 * Input: the version that was read; partition count, phase, count to grow to, hurried, cuts as they are to be. Result: the new
 * map; no row when it is at another version. Locks: that row.
 */
export const changeMapSql = {
  name: "change_partition_map",
  text: `
    update partition_map set version = version + 1, partition_count = $2, phase = $3, to_count = $4, hurried = $5, cuts = $6,
           changed_at = now()
    where version = $1
    returning ${columns}`,
};

/** Statements of what audits in the background found. */

/** Input: start in milliseconds, differences, why it failed, report. Adds it, and tells webhooks where there are differences. Result: its id. Locks: the new rows. */
export const addAuditSql = {
  name: "add_audit",
  text: `
    with added as (
      insert into audits (started_at, differences, failed_because, report)
      values (to_timestamp($1::float8 / 1000), $2::int4, $3::text, $4::jsonb) returning audit_id, ended_at, differences
    )
    select audit_id, case when differences > 0 then
      tell_event('audit.differences', ended_at, jsonb_build_object('auditId', audit_id, 'differences', differences)) end
    from added`,
};

/** Input: the id to stay below (null: none), rows. Result: audits, newest first. Locks: none. */
export const auditsSql = {
  name: "read_audits",
  text: `
    select audit_id, started_at, ended_at, differences, failed_because, report from audits
    where $1::int8 is null or audit_id < $1 order by audit_id desc limit $2`,
};

/** Statements of the worker that delivers webhooks. `tell_decisions` is in 0015_background_work.sql. */

/** Input: lines of each partition. Result: one row, whether there is more. Locks: the positions of events. */
export const tellDecisionsSql = {
  name: "tell_decisions",
  text: `select tell_decisions($1) as is_more`,
};

/** Input: rows. Result: deliveries that no job is in the queue for, the oldest first. Locks: their rows; leaves those that another process is at. */
export const unqueuedDeliveriesSql = {
  name: "read_unqueued_deliveries",
  text: `
    select delivery_id, webhook_id from webhook_deliveries where not is_queued
    order by number limit $1 for update skip locked`,
};

/** Input: deliveries (uuid[]). Notes that jobs are there. Result: none. Locks: their rows. */
export const queuedDeliveriesSql = {
  name: "note_queued_deliveries",
  text: `update webhook_deliveries set is_queued = true where delivery_id = any($1::uuid[])`,
};

/** Input: delivery. Result: it, beside its webhook. Locks: none. */
export const dueDeliverySql = {
  name: "read_due_delivery",
  text: `
    select d.delivery_id, d.webhook_id, d.event_id, d.type, d.state, d.body, w.url, w.disabled_at is null as is_enabled,
      array_remove(array[w.secret, case when w.old_secret_until > now() then w.old_secret end], null) as secrets
    from webhook_deliveries d join webhooks w on w.webhook_id = d.webhook_id
    where d.delivery_id = $1`,
};

/**
 * Input: delivery, verdict, whether there was an attempt, its milliseconds, status, error, answer. Notes the attempt, settles the delivery, and disables the webhook that is gone, or of which a
 * delivery failed though nothing else was taken since its first attempt. Result: one row; why the webhook was disabled by this (null: it was not).
 * Locks: the delivery, its webhook.
 */
export const recordAttemptSql = {
  name: "record_webhook_attempt",
  text: `
    with delivery as (
      select d.delivery_id, d.webhook_id,
        coalesce((select min(a.attempted_at) from webhook_attempts a where a.delivery_id = d.delivery_id), now()) as first_attempt_at
      from webhook_deliveries d where d.delivery_id = $1 for update
    ), noted as (
      insert into webhook_attempts (delivery_id, duration_ms, status, error, answer)
      select delivery_id, $4::int4, $5::int4, $6::text, $7::text from delivery where $3::boolean
    ), settled as (
      update webhook_deliveries d set state = case $2::text when 'delivered' then 'delivered' else 'failed' end, settled_at = now()
      from delivery where d.delivery_id = delivery.delivery_id and d.state = 'pending' and $2::text <> 'again'
    ), judged as (
      select w.webhook_id, w.failing_since, case
          when w.disabled_at is not null or not $3::boolean then null
          when $2::text = 'gone' then 'it says that it is gone'
          when $2::text = 'failed' and coalesce(w.failing_since, now()) <= delivery.first_attempt_at then
            format('it has taken nothing since %s; the last time: %s',
              to_char(coalesce(w.failing_since, now()) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), coalesce($6::text, ''))
        end as because
      from webhooks w join delivery on delivery.webhook_id = w.webhook_id for update of w
    ), told as (
      update webhooks w set
        failing_since = case when not $3::boolean then w.failing_since when $2::text = 'delivered' then null else coalesce(w.failing_since, now()) end,
        disabled_at = case when judged.because is null then w.disabled_at else now() end,
        disabled_because = coalesce(judged.because, w.disabled_because)
      from judged where w.webhook_id = judged.webhook_id
        and (judged.because is not null or (judged.failing_since is null) = ($2::text <> 'delivered'))
    )
    select because from judged`,
};

/** Input: how many may wait. Disables webhooks that more wait for. Result: their ids. Locks: their rows. */
export const disableLateSql = {
  name: "disable_late_webhooks",
  text: `
    update webhooks w set disabled_at = now(), disabled_because = format('more than %s deliveries wait for it', $1::int4)
    where w.disabled_at is null
      and (select count(*) from (select from webhook_deliveries d where d.webhook_id = w.webhook_id and d.state = 'pending' limit $1::int4 + 1) as waiting)
        > $1::int4
    returning w.webhook_id`,
};

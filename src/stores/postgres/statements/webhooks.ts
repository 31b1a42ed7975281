/** Statements of webhooks: who is told, and the log of deliveries. */

const columns = "webhook_id, url, event_types, description, created_at, failing_since, disabled_at, disabled_because";
const deliveryColumns = `d.delivery_id, d.number, d.webhook_id, d.event_id, d.type, d.state, d.created_at, d.settled_at,
      coalesce((select jsonb_agg(jsonb_build_object('at', (extract(epoch from a.attempted_at) * 1000)::int8, 'durationMs', a.duration_ms,
        'status', a.status, 'error', a.error, 'answer', a.answer) order by a.attempt_id)
        from webhook_attempts a where a.delivery_id = d.delivery_id), '[]') as attempts`;

/** Input: id, url, event types (text[]), description, secret, how many there may be. Result: the webhook; none where there are so many. Locks: the new row. */
export const createWebhookSql = {
  name: "create_webhook",
  text: `
    insert into webhooks (webhook_id, url, event_types, description, secret)
    select $1::uuid, $2::text, $3::text[], $4::text, $5::text where (select count(*) from webhooks) < $6
    returning ${columns}`,
};

/** Input: a webhook (null: all). Result: the oldest first. Locks: none. */
export const webhooksSql = {
  name: "read_webhooks",
  text: `select ${columns} from webhooks where $1::uuid is null or webhook_id = $1 order by created_at, webhook_id`,
};

/**
 * Input: webhook, url, event types, description and whether it is to change, enabled (null: what stays). Result: the webhook as it is then. To enable it forgets
 * what was wrong. Locks: its row.
 */
export const changeWebhookSql = {
  name: "change_webhook",
  text: `
    update webhooks set url = coalesce($2, url), event_types = coalesce($3::text[], event_types),
      description = case when $5::boolean then $4 else description end,
      failing_since = case when $6::boolean then null else failing_since end,
      disabled_at = case $6::boolean when true then null when false then coalesce(disabled_at, now()) else disabled_at end,
      disabled_because = case $6::boolean when true then null when false then coalesce(disabled_because, 'it was asked for')
        else disabled_because end
    where webhook_id = $1 returning ${columns}`,
};

/** Input: webhook, secret, for how many milliseconds the one before goes on. Result: the webhook. Locks: its row. */
export const rotateSecretSql = {
  name: "rotate_webhook_secret",
  text: `
    update webhooks set old_secret = secret, old_secret_until = now() + $3 * interval '1 millisecond', secret = $2
    where webhook_id = $1 returning ${columns}`,
};

/** Input: webhook. Result: what it was. Locks: its row and those of its deliveries. */
export const removeWebhookSql = {
  name: "remove_webhook",
  text: `delete from webhooks where webhook_id = $1 returning ${columns}`,
};

/** Input: webhook, type. Makes a delivery of an event that only this webhook hears of. Result: the delivery. Locks: the new row. */
export const testWebhookSql = {
  name: "test_webhook",
  text: `
    insert into webhook_deliveries (webhook_id, event_id, type, body)
    select w.webhook_id, gen_random_uuid(), $2::text, jsonb_build_object('type', $2::text,
      'timestamp', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', jsonb_build_object('webhookId', w.webhook_id))::text
    from webhooks w where w.webhook_id = $1
    returning delivery_id`,
};

/** Input: webhook, the number to stay below (null: none), rows. Result: deliveries beside their attempts, newest first. Locks: none. */
export const deliveriesSql = {
  name: "read_webhook_deliveries",
  text: `
    select ${deliveryColumns} from webhook_deliveries d
    where d.webhook_id = $1 and ($2::int8 is null or d.number < $2) order by d.number desc limit $3`,
};

/** Input: delivery. Result: it, beside its attempts. Locks: none. */
export const deliverySql = {
  name: "read_webhook_delivery",
  text: `select ${deliveryColumns} from webhook_deliveries d where d.delivery_id = $1`,
};

/** Input: delivery. Has it queued anew where it is settled and its webhook is enabled. Result: none. Locks: its row. */
export const resendDeliverySql = {
  name: "resend_webhook_delivery",
  text: `
    update webhook_deliveries d set state = 'pending', settled_at = null, is_queued = false
    where d.delivery_id = $1 and d.state <> 'pending'
      and exists (select from webhooks w where w.webhook_id = d.webhook_id and w.disabled_at is null)`,
};

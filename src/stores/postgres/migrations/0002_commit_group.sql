-- Up Migration

-- Commits one group: what several partitions have decided, all or nothing (P3). Every check raises here, so that no
-- count that a client reads decides anything:
--   TM001 fenced      a partition has another epoch (P4): the caller does not own it any more
--   TM002 moved       a partition stands at another offset than the chunk begins at (P4)
--   TM003 stale       a product or an order is not at the revision that was read, or one read as absent exists (P5)
--   23505 ledger_pkey a command id was decided before (P6)
--
-- Locks, in this order: the group's rows of `partitions`; its rows of `stock`; the lines that its cancels name; then the
-- new command ids. Callers pass every array sorted by its id.
--
-- The advances are one element a partition. The stock arrays are one element a product that was read: `s_read` is the
-- version read (0: no row), `s_quantity` and `s_version` what it becomes (the same version: only read, to refuse).
-- The `o_` arrays name the lines that were read to be changed, with the revision read. The place arrays are one element
-- a PlaceOrder that was accepted or refused. `others` and `changes` are JSON arrays of rows, for they are few: all other
-- new lines, and new contents of the lines that change. `letters` holds records that could not be decoded.
create function commit_group(
  p_partition integer[], p_epoch bigint[], p_from bigint[], p_to bigint[], p_effects bigint[],
  s_product text[], s_read bigint[], s_quantity integer[], s_version bigint[],
  o_line uuid[], o_revision integer[],
  l_command uuid[], l_product text[], l_quantity integer[], l_reason text[], l_stock_after integer[],
  l_version bigint[], l_partition integer[], l_offset bigint[], l_price integer[], l_currency text[],
  l_customer text[], l_basket text[], l_location text[], l_issued timestamptz[],
  others jsonb, changes jsonb, letters jsonb
) returns timestamptz language plpgsql as $$
declare
  wanted integer;
  found_rows integer;
begin
  -- Progress: the epoch is mine, and the partition stands where the chunk begins.
  wanted := cardinality(p_partition);
  perform 1 from partitions t where t.partition = any(p_partition) order by t.partition for update;
  select count(*) into found_rows from partitions t
    join unnest(p_partition, p_epoch) as g(partition, epoch) on t.partition = g.partition and t.epoch = g.epoch;
  if found_rows <> wanted then
    raise exception 'fenced: % of % partitions are held at the epoch given', found_rows, wanted using errcode = 'TM001';
  end if;
  update partitions t set next_offset = g.next_to, effects_offset = greatest(t.effects_offset, g.effects)
    from unnest(p_partition, p_from, p_to, p_effects) as g(partition, next_from, next_to, effects)
    where t.partition = g.partition and t.next_offset = g.next_from;
  get diagnostics found_rows = row_count;
  if found_rows <> wanted then
    raise exception 'moved: % of % partitions stand at the offset given', found_rows, wanted using errcode = 'TM002';
  end if;

  -- Stock: every product is at the version that was read, also where it was read only to refuse.
  update stock t set quantity = g.quantity, version = g.version
    from unnest(s_product, s_read, s_quantity, s_version) as g(product_id, read_version, quantity, version)
    where t.product_id = g.product_id and t.version = g.read_version and g.version <> g.read_version;
  get diagnostics found_rows = row_count;
  select count(*) into wanted from unnest(s_read, s_version) as g(read_version, version)
    where g.read_version > 0 and g.version <> g.read_version;
  if found_rows <> wanted then
    raise exception 'stale: % of % changed products are at the version read', found_rows, wanted using errcode = 'TM003';
  end if;
  select count(*) into wanted from unnest(s_read, s_version) as g(read_version, version)
    where g.read_version > 0 and g.version = g.read_version;
  if wanted > 0 then
    perform 1 from stock t
      join unnest(s_product, s_read, s_version) as g(product_id, read_version, version)
        on t.product_id = g.product_id and t.version = g.read_version and g.version = g.read_version
      order by t.product_id for update of t;
    get diagnostics found_rows = row_count;
    if found_rows <> wanted then
      raise exception 'stale: % of % products read are at the version read', found_rows, wanted using errcode = 'TM003';
    end if;
  end if;
  insert into stock (product_id, quantity, version)
    select g.product_id, g.quantity, g.version
    from unnest(s_product, s_read, s_quantity, s_version) as g(product_id, read_version, quantity, version)
    where g.read_version = 0 and g.version > 0
    on conflict (product_id) do nothing;
  get diagnostics found_rows = row_count;
  select count(*) into wanted from unnest(s_read, s_version) as g(read_version, version)
    where g.read_version = 0 and g.version > 0;
  if found_rows <> wanted then
    raise exception 'stale: % of % new products were absent', found_rows, wanted using errcode = 'TM003';
  end if;
  if exists (select 1 from unnest(s_product, s_read, s_version) as g(product_id, read_version, version)
             join stock t on t.product_id = g.product_id where g.read_version = 0 and g.version = 0) then
    raise exception 'stale: a product read as absent exists' using errcode = 'TM003';
  end if;

  -- Lines that change: each is at the revision that was read (P12).
  wanted := cardinality(o_line);
  if wanted > 0 then
    perform 1 from ledger t
      join unnest(o_line, o_revision) as g(command_id, revision)
        on t.command_id = g.command_id and t.revision = g.revision
      order by t.command_id for update of t;
    get diagnostics found_rows = row_count;
    if found_rows <> wanted then
      raise exception 'stale: % of % lines are at the revision read', found_rows, wanted using errcode = 'TM003';
    end if;
  end if;
  if changes is not null then
    update ledger t set
      quantity = c.quantity, status = c.status, reason = c.reason, delta = c.delta, stock_after = c.stock_after,
      version = c.version, "partition" = c.partition, "offset" = c.offset,
      revision = c.revision, unit_price_cents = c.unit_price_cents, currency = c.currency, customer_id = c.customer_id,
      basket_id = c.basket_id, delivery_location = c.delivery_location, issued_at = c.issued_at
    from jsonb_populate_recordset(null::ledger, changes) as c where t.command_id = c.command_id;
  end if;

  -- New lines: a plain INSERT, so that an id seen before raises.
  if cardinality(l_command) > 0 then
    insert into ledger (command_id, type, product_id, quantity, status, reason, delta, stock_after, version,
                        "partition", "offset", unit_price_cents, currency, customer_id, basket_id, delivery_location,
                        issued_at)
      select command_id, 'PlaceOrder', product_id, quantity,
             case when reason is null then 'accepted' else 'rejected' end, reason,
             case when reason is null then -quantity else 0 end, stock_after, version,
             "partition", "offset", price, currency, customer, basket, location::jsonb, issued
      from unnest(l_command, l_product, l_quantity, l_reason, l_stock_after, l_version, l_partition, l_offset, l_price,
                  l_currency, l_customer, l_basket, l_location, l_issued)
        as l(command_id, product_id, quantity, reason, stock_after, version, "partition", "offset", price, currency,
             customer, basket, location, issued);
  end if;
  if others is not null then
    insert into ledger (command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version,
                        "partition", "offset", revision, unit_price_cents, currency, customer_id, basket_id,
                        delivery_location, as_of_version, reference, issued_at)
      select command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version,
             "partition", "offset", revision, unit_price_cents, currency, customer_id, basket_id,
             delivery_location, as_of_version, reference, issued_at
      from jsonb_populate_recordset(null::ledger, others);
  end if;
  if letters is not null then
    insert into dead_letters ("partition", "offset", reason, record_key, record_value, headers)
      select l.partition, l.offset, l.reason, decode(l.record_key, 'base64'), decode(l.record_value, 'base64'), l.headers
      from jsonb_to_recordset(letters) as l("partition" integer, "offset" bigint, reason text, record_key text,
                                            record_value text, headers jsonb);
  end if;
  return now();
end $$;

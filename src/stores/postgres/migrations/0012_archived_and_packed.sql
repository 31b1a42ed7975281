-- Up Migration

-- In the order of a commit: in another one, a commit of a process that still runs and this migration would wait for each other.
lock table partitions, stock, ledger in access exclusive mode;

-- Products that are sold no more, and orders that are packed. The flag of a product sits on its stock row and changes with its
-- version alone, so that whatever checks the version checks it too (P5); an order's changes with its line's revision.
alter table stock add column archived boolean not null default false;

alter table ledger
  add column actor text,
  add column fulfilment text,
  -- Not valid: what is there has passed the narrower check before, and has neither column.
  drop constraint ledger_type_check,
  add constraint ledger_type_check check (type in ('PlaceOrder', 'CancelOrder', 'ReceiveStock', 'CountStock', 'ResumeProduct',
    'ArchiveProduct', 'RestoreProduct', 'PackOrder')) not valid,
  -- Packed and cancelled are never both, whoever writes.
  add constraint ledger_fulfilment_check check (fulfilment is null or (fulfilment = 'packed' and status = 'accepted')) not valid;

-- How far an order is on its way, one row a step: packed by commit_group, the later ones by whoever asks for them. Rows are only
-- added, so that a step that was allowed stays so.
create table fulfilment_steps (
  order_id   uuid not null,
  step       text not null check (step in ('packed', 'out_for_delivery', 'delivered')),
  actor      text,
  -- The request that did it: sent again, it is the same step. Of packed, the command's id.
  request_id uuid not null,
  done_at    timestamptz not null default now(),
  primary key (order_id, step)
);

create or replace view orders as
  select command_id as order_id, product_id, quantity, unit_price_cents, currency, customer_id, basket_id,
         delivery_location, status, reason, delta, stock_after, version, "partition", "offset", revision,
         issued_at as placed_at, decided_at, fulfilment
  from ledger where type = 'PlaceOrder';

create or replace view stock_movements as
  select command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version,
         "partition", "offset", as_of_version, reference, issued_at, decided_at, actor
  from ledger where type <> 'PlaceOrder';

-- commit_group, as in migration 0004, with one argument more, which processes of the version before leave out: which of the
-- products in the stock arrays are archived when the group is done; empty where none is.
drop function commit_group(integer[], bigint[], bigint[], bigint[], bigint[], text[], bigint[], integer[], bigint[], uuid[], integer[], uuid[], text[], integer[], text[], integer[], bigint[], integer[], bigint[], integer[], text[], text[], text[], text[], timestamptz[], jsonb, jsonb, jsonb, bigint[], bigint[], jsonb);

create function commit_group(
  p_partition integer[], p_epoch bigint[], p_from bigint[], p_to bigint[], p_effects bigint[],
  s_product text[], s_read bigint[], s_quantity integer[], s_version bigint[],
  o_line uuid[], o_revision integer[],
  l_command uuid[], l_product text[], l_quantity integer[], l_reason text[], l_stock_after integer[],
  l_version bigint[], l_partition integer[], l_offset bigint[], l_price integer[], l_currency text[],
  l_customer text[], l_basket text[], l_location text[], l_issued timestamptz[],
  others jsonb, changes jsonb, letters jsonb,
  p_last_offset bigint[] default null, p_last_checksum bigint[] default null, parking jsonb default null,
  s_archived boolean[] default null
) returns timestamptz language plpgsql as $$
declare
  wanted integer;
  found_rows integer;
  product record;
begin
  -- Progress: the epoch is mine, and the partition stands where the chunk begins.
  wanted := cardinality(p_partition);
  perform 1 from partitions t where t.partition = any(p_partition) order by t.partition for update;
  select count(*) into found_rows from partitions t
    join unnest(p_partition, p_epoch) as g(partition, epoch) on t.partition = g.partition and t.epoch = g.epoch;
  if found_rows <> wanted then
    raise exception 'fenced: % of % partitions are held at the epoch given', found_rows, wanted using errcode = 'TM001';
  end if;
  update partitions t set next_offset = g.next_to, effects_offset = greatest(t.effects_offset, g.effects),
      last_offset = case when g.last_offset >= 0 then g.last_offset else t.last_offset end,
      last_checksum = case when g.last_offset >= 0 then g.last_checksum else t.last_checksum end
    from unnest(p_partition, p_from, p_to, p_effects, p_last_offset, p_last_checksum)
      as g(partition, next_from, next_to, effects, last_offset, last_checksum)
    where t.partition = g.partition and t.next_offset = g.next_from;
  get diagnostics found_rows = row_count;
  if found_rows <> wanted then
    raise exception 'moved: % of % partitions stand at the offset given', found_rows, wanted using errcode = 'TM002';
  end if;

  -- All products of the group in one order, where the statements below would lock them in two.
  if parking is not null then
    perform 1 from stock t
      where t.product_id = any(s_product)
         or t.product_id in (select g.product_id from jsonb_to_recordset(parking -> 'products') as g(product_id text))
      order by t.product_id for update;
  end if;

  -- A process of a version before this one knows neither archived products nor packed orders: it waits at them for its end.
  if s_archived is null then
    if exists (select 1 from stock t where t.archived and (t.product_id = any(s_product)
               or t.product_id in (select g.product_id from jsonb_to_recordset(parking -> 'products') as g(product_id text))))
       or exists (select 1 from ledger t where t.command_id = any(o_line) and t.fulfilment is not null) then
      raise exception 'stale: a product is archived, or an order packed' using errcode = 'TM003';
    end if;
  end if;

  -- Stock: every product is at the version that was read and not parked, also where it was read only to refuse.
  update stock t set quantity = g.quantity, version = g.version, archived = coalesce(g.archived, false)
    from unnest(s_product, s_read, s_quantity, s_version, s_archived)
      as g(product_id, read_version, quantity, version, archived)
    where t.product_id = g.product_id and t.version = g.read_version and g.version <> g.read_version
      and t.parked_because is null;
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
      where t.parked_because is null
      order by t.product_id for update of t;
    get diagnostics found_rows = row_count;
    if found_rows <> wanted then
      raise exception 'stale: % of % products read are at the version read', found_rows, wanted using errcode = 'TM003';
    end if;
  end if;
  insert into stock (product_id, quantity, version, archived)
    select g.product_id, g.quantity, g.version, coalesce(g.archived, false)
    from unnest(s_product, s_read, s_quantity, s_version, s_archived)
      as g(product_id, read_version, quantity, version, archived)
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
      basket_id = c.basket_id, delivery_location = c.delivery_location, issued_at = c.issued_at,
      fulfilment = c.fulfilment
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
                        delivery_location, as_of_version, reference, issued_at, actor, fulfilment)
      select command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version,
             "partition", "offset", revision, unit_price_cents, currency, customer_id, basket_id,
             delivery_location, as_of_version, reference, issued_at, actor, fulfilment
      from jsonb_populate_recordset(null::ledger, others);
    insert into fulfilment_steps (order_id, step, actor, request_id)
      select order_id, 'packed', actor, command_id
      from jsonb_populate_recordset(null::ledger, others) where type = 'PackOrder' and reason is null
    on conflict (order_id, step) do nothing;
  end if;
  -- What the partitions pass without deciding it. One that is there already was passed before an operator set an offset back; if
  -- another one lies at that place, it came from another log, and nothing may take the place of either (TM004).
  if letters is not null then
    insert into dead_letters ("partition", "offset", reason, record_key, record_value, headers, kind, product_id,
                              command_id, value_bytes)
      select (l.letter ->> 'partition')::integer, (l.letter ->> 'offset')::bigint, l.letter ->> 'reason',
             decode(l.letter ->> 'record_key', 'base64'), decode(l.letter ->> 'record_value', 'base64'),
             l.letter -> 'headers', coalesce(l.letter ->> 'kind', 'undecodable'), l.letter ->> 'product_id',
             (l.letter ->> 'command_id')::uuid, (l.letter ->> 'value_bytes')::bigint
      from jsonb_array_elements(letters) with ordinality as l(letter, place)
      order by l.place
    on conflict ("partition", "offset") do update set reason = dead_letters.reason
      where dead_letters.record_key is not distinct from excluded.record_key
        and dead_letters.record_value is not distinct from excluded.record_value;
    get diagnostics found_rows = row_count;
    if found_rows <> jsonb_array_length(letters) then
      raise exception 'a dead letter of another log lies at the place of a new one; move it away, see docs/operations.md'
        using errcode = 'TM004';
    end if;
  end if;

  -- Products that are parked, park, or resume (P13).
  if parking is not null then
    for product in
      select * from jsonb_to_recordset(parking -> 'products')
        as g(product_id text, read_version bigint, was_parked boolean, is_parked boolean, quantity integer,
             version bigint, because text, is_archived boolean)
      order by g.product_id collate "C"
    loop
      if product.read_version = 0 and not product.was_parked then
        insert into stock (product_id, quantity, version, archived, parked_because, parked_at)
          values (product.product_id, product.quantity, product.version, coalesce(product.is_archived, false),
                  product.because, now())
          on conflict (product_id) do nothing;
      elsif not product.is_parked and product.version = 0 then
        delete from stock t where t.product_id = product.product_id and t.version = 0 and t.parked_because is not null;
      else
        update stock t set quantity = product.quantity, version = product.version,
            archived = coalesce(product.is_archived, false),
            parked_because = case when product.is_parked then coalesce(t.parked_because, product.because) end,
            parked_at = case when product.is_parked then coalesce(t.parked_at, now()) end
          where t.product_id = product.product_id and t.version = product.read_version
            and (t.parked_because is not null) = product.was_parked;
      end if;
      if not found then
        raise exception 'stale: product % is not as it was read', product.product_id using errcode = 'TM003';
      end if;
    end loop;
    update dead_letters t set outcome = 'resumed', settled_at = now()
      from jsonb_to_recordset(parking -> 'resumed') as g("partition" integer, "offset" bigint)
      where t."partition" = g."partition" and t."offset" = g."offset" and t.outcome is null;
    get diagnostics found_rows = row_count;
    wanted := jsonb_array_length(parking -> 'resumed');
    if found_rows <> wanted then
      raise exception 'stale: % of % waiting commands are there', found_rows, wanted using errcode = 'TM003';
    end if;
    if exists (select 1 from jsonb_to_recordset(parking -> 'products') as g(product_id text, is_parked boolean)
               join dead_letters t on t.product_id = g.product_id and t.outcome is null where not g.is_parked) then
      raise exception 'stale: commands wait for a product that is to go on' using errcode = 'TM003';
    end if;
  end if;
  return now();
end $$;

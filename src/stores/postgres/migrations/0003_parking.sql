-- Up Migration

-- In the order of a commit: in another one, a commit of a process that still runs and this migration would wait for each other.
lock table partitions, stock, ledger, dead_letters in access exclusive mode;

-- Products that park (P7, P13). The flag sits on the stock row, so that the check of a commit, which has that row anyway, finds
-- it. A product without stock that parks has a row of version 0 for as long as it is parked.
alter table stock
  add column parked_because text,
  add column parked_at timestamptz,
  drop constraint stock_version_check,
  add constraint stock_version_check check (version > 0 or (version = 0 and quantity = 0 and parked_because is not null)) not valid;
create index stock_parked on stock (product_id) where parked_because is not null;

-- Not valid: what is there has passed the narrower check before.
alter table ledger
  drop constraint ledger_type_check,
  add constraint ledger_type_check
    check (type in ('PlaceOrder', 'CancelOrder', 'ReceiveStock', 'CountStock', 'ResumeProduct')) not valid;

-- The last record that was decided and looked at, by which a claim knows the log again (P11).
alter table partitions
  add column last_offset bigint,
  add column last_checksum bigint;

-- What a partition passed without deciding it. `kind`: a record that can't be decoded; a command that the store refused to write,
-- which parked its product; a command that waits for its product. `letter_id` is the order in which they came.
alter table dead_letters
  add column letter_id bigint generated always as identity,
  add column kind text not null default 'undecodable' check (kind in ('undecodable', 'refused', 'waiting')),
  add column product_id text collate "C",
  add column command_id uuid,
  -- Length of the value on the log, where `record_value` holds only its beginning.
  add column value_bytes bigint,
  add column published_at timestamptz,
  add column outcome text check (outcome in ('redriven', 'discarded', 'resumed')),
  add column settled_at timestamptz,
  add column redriven_as uuid,
  add constraint dead_letters_parked check (kind = 'undecodable' or (product_id is not null and command_id is not null)),
  add constraint dead_letters_settled check ((outcome is null) = (settled_at is null));
create unique index dead_letters_id on dead_letters (letter_id);
create index dead_letters_waiting on dead_letters (product_id, letter_id) where product_id is not null and outcome is null;
create index dead_letters_command on dead_letters (command_id) where command_id is not null;
create index dead_letters_unpublished on dead_letters ("partition", letter_id)
  where published_at is null and kind <> 'waiting';

-- Schemas by the id that stands in records on the log, once seen (P14).
create table avro_schemas (
  schema_id integer primary key,
  schema    text not null,
  kept_at   timestamptz not null default now()
);

-- Up Migration

-- Names that begin with what somebody has typed so far, in order. By bytes, whatever the database's own order is: only there what begins
-- alike stands together. Nobody who runs meanwhile needs to know of it; whoever writes products waits while it is built.
create index products_by_beginning on products ((lower(name) collate "C"), product_id);

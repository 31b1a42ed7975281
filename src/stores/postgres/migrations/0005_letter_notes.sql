-- Up Migration

-- Why an operator gave a letter up, in the operator's words.
alter table dead_letters add column settled_because text;

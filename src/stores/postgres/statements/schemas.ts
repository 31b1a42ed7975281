/** Input: schema id. Result: schema. No locks. */
export const schemaByIdSql = `select schema from avro_schemas where schema_id = $1`;

/** Input: a schema's text. Result: schema_id, the lowest of them. No locks. */
export const schemaIdSql = `select schema_id from avro_schemas where schema = $1 order by schema_id limit 1`;

/** Input: schema id, text. Keeps it unless the id is taken. Result: the schema that is kept. Locks: that row. */
export const keepSchemaSql = `
  insert into avro_schemas as t (schema_id, schema) values ($1, $2)
  on conflict (schema_id) do update set schema = t.schema
  returning schema`;

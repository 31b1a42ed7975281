import type pg from "pg";
import type { SchemaKeeper } from "../../schemas/kept-schemas.ts";
import { SchemaSourceUnavailable } from "../../schemas/schema-source.ts";
import { keepSchemaSql, schemaByIdSql, schemaIdSql } from "./statements/schemas.ts";

/** Schemas in the table `avro_schemas` (P14). `pool` stays the caller's. */
export function createPostgresSchemaKeeper(pool: pg.Pool): SchemaKeeper {
  const ask = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<Row | undefined> => {
    try {
      return (await pool.query<Row>(sql, values)).rows[0];
    } catch (cause) {
      throw new SchemaSourceUnavailable("PostgreSQL can't be asked for a schema now", { cause });
    }
  };
  return {
    schemaOf: async (id) => (await ask<{ schema: string }>(schemaByIdSql, [id]))?.schema ?? null,
    idOf: async (schema) => (await ask<{ schema_id: number }>(schemaIdSql, [schema]))?.schema_id ?? null,
    keep: async (id, schema) => {
      const row = await ask<{ schema: string }>(keepSchemaSql, [id, schema]);
      if (row === undefined) throw new SchemaSourceUnavailable("keeping a schema returned no row");
      return row.schema;
    },
  };
}

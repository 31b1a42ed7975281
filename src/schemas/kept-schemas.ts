/**
 * Schemas by the ids that stand in records on the log, kept where the ledger is, and asked there first (P14): a registry that
 * is away stops nobody, and one that was emptied, and may give old ids to other schemas, can't change what a record means.
 */
import type { Logger } from "pino";
import { parseAvroType } from "./command-schemas.ts";
import { SchemaIdTaken, SchemaUnknown, type SchemaSource } from "./schema-source.ts";

/** Where schemas are kept. Methods reject with `SchemaSourceUnavailable`. */
export type SchemaKeeper = {
  /** Null: not seen yet. */
  schemaOf(id: number): Promise<string | null>;
  /** The id that this very text was kept under. */
  idOf(schema: string): Promise<number | null>;
  /** Keeps the schema unless one is kept under the id already. Returns the one that is. */
  keep(id: number, schema: string): Promise<string>;
};

/** What `registry` says is kept by `keeper`. `register` also rejects with `SchemaIdTaken`. */
export function createKeptSchemas(
  registry: SchemaSource,
  keeper: SchemaKeeper,
  log: Pick<Logger, "warn">,
): SchemaSource {
  /** Nobody waits for it: it tells operators that other readers of the log are in trouble. */
  const checkRegistry = async (id: number, kept: string): Promise<void> => {
    try {
      if (parseAvroType(await registry.schemaById(id)).equals(parseAvroType(kept))) return;
    } catch (error) {
      if (!(error instanceof SchemaUnknown)) return;
    }
    log.warn(
      { schemaId: id },
      "the schema registry does not know a schema that records on the log carry, or has another one under its id: it was emptied or " +
        "exchanged. Tallyman goes on with what it has kept; restore the registry, for other readers and for schemas to come",
    );
  };
  return {
    schemaById: async (id) => {
      const kept = await keeper.schemaOf(id);
      return kept ?? keeper.keep(id, await registry.schemaById(id));
    },
    register: async (schema) => {
      const kept = await keeper.idOf(schema);
      if (kept !== null) {
        void checkRegistry(kept, schema);
        return kept;
      }
      const id = await registry.register(schema);
      const there = await keeper.keep(id, schema);
      if (there !== schema && !parseAvroType(there).equals(parseAvroType(schema))) throw new SchemaIdTaken(id, schema);
      return id;
    },
  };
}

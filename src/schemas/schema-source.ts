/**
 * The port to wherever Avro schemas are kept by id: the schema registry, what was kept of it (P14), a map in tests. The codec knows only this.
 */
export type SchemaSource = {
  /**
   * The schema's JSON text. Rejects with `SchemaUnknown` when it is certain that no usable schema has this id, and with
   * `SchemaSourceUnavailable` when that can't be told now.
   */
  schemaById(id: number): Promise<string>;
  /**
   * The id under which the schema (JSON text of a named record) is known, new or old. Rejects with
   * `SchemaIncompatible` when an older version forbids it, and with `SchemaSourceUnavailable`.
   */
  register(schema: string): Promise<number>;
};

/** No usable Avro schema has this id. */
export class SchemaUnknown extends Error {
  override readonly name = "SchemaUnknown";
  readonly retryable = false;
}

/** The source could not be asked; ask again later. */
export class SchemaSourceUnavailable extends Error {
  override readonly name = "SchemaSourceUnavailable";
  readonly retryable = true;
}

/** The registry gave a new schema the id of one that records on the log carry: it is not the registry that they were written with. */
export class SchemaIdTaken extends Error {
  override readonly name = "SchemaIdTaken";
  readonly retryable = false;
  constructor(id: number, schema: string) {
    const { name = "a schema" } = JSON.parse(schema) as { name?: string };
    super(
      `The schema registry gave ${name} the id ${id}, which another schema has on the log. It was emptied or exchanged: restore it, ` +
        "with the ids that it gave, before new schemas are registered.",
    );
  }
}

/** The schema can't follow the versions that are registered: records on the log would become unreadable. */
export class SchemaIncompatible extends Error {
  override readonly name = "SchemaIncompatible";
  readonly retryable = false;
  readonly subject: string;
  /** One sentence for each field in the way, beginning with its path. */
  readonly differences: readonly string[];

  constructor(subject: string, differences: readonly string[], options?: ErrorOptions) {
    super(
      `The schema of ${subject} is not compatible with a registered version: ${differences.join("; ")}. ` +
        `Fields may only be added or removed with a default, and never change their type (FULL_TRANSITIVE).`,
      options,
    );
    this.subject = subject;
    this.differences = differences;
  }
}

/**
 * Why bytes on the log are no command (P13). Stable slugs: they are stored with the record and counted.
 *
 * - `no_key`, `no_value`: the record lacks it
 * - `not_confluent`: not a zero byte, a schema id and Avro
 * - `unknown_schema_id`: the registry has no usable Avro schema with that id
 * - `unknown_record`: an Avro record, but none of our commands
 * - `incompatible_schema`: written with a schema that ours can't read
 * - `malformed_avro`: the bytes don't fit their schema, or go on after it
 * - `invalid_uuid`, `invalid_product_id`, `key_mismatch`, `invalid_text` (NUL, a lone surrogate, or no UTF-8), `text_too_long`,
 *   `invalid_currency`, `number_out_of_range`: a field breaks its rule; `key_mismatch` is a key other than the productId
 */
export type UndecodableReason =
  | "no_key"
  | "no_value"
  | "not_confluent"
  | "unknown_schema_id"
  | "unknown_record"
  | "incompatible_schema"
  | "malformed_avro"
  | "invalid_uuid"
  | "invalid_product_id"
  | "key_mismatch"
  | "invalid_text"
  | "text_too_long"
  | "invalid_currency"
  | "number_out_of_range";

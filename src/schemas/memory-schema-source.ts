import { SchemaUnknown, type SchemaSource } from "./schema-source.ts";

/** A schema source for tests and simulations: ids count from 1; nothing is checked for compatibility. */
export const createMemorySchemaSource = (): SchemaSource => {
  const schemas: string[] = [];
  return {
    schemaById: (id) => {
      const schema = schemas[id - 1];
      return schema === undefined ? Promise.reject(new SchemaUnknown(`no schema ${id}`)) : Promise.resolve(schema);
    },
    register: (schema) => {
      const known = schemas.indexOf(schema);
      return Promise.resolve(known === -1 ? schemas.push(schema) : known + 1);
    },
  };
};

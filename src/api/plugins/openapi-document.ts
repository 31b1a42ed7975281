/** What @fastify/swagger leaves to be said in the document that it makes from the routes. */
import { isDeepStrictEqual } from "node:util";

type Json = string | number | boolean | null | readonly Json[] | JsonObject;
type JsonObject = { readonly [name: string]: Json };

/** Below these lies data, whose members mean nothing to us. */
const data = new Set(["info", "example", "examples", "default", "enum", "const"]);

/**
 * Moves every schema with a `title` to `components` under that title, so that readers and generators of clients meet an
 * order once and not at every route; and says of a body that may be null that it may be left out. Throws where two
 * different schemas have one title.
 */
export function openapiDocument<Document extends object>(document: Document): Document {
  const schemas: Record<string, Json> = {};
  const visit = (value: Json): Json => {
    if (typeof value !== "object" || value === null) return value;
    if (isList(value)) return value.map(visit);
    const visited = Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, data.has(name) ? each : visit(each)]),
    );
    const { title, ...schema } = visited;
    if (typeof title !== "string") return isNullBody(visited) ? { ...visited, required: false } : visited;
    if (title in schemas && !isDeepStrictEqual(schemas[title], schema))
      throw new Error(`two schemas are named ${title}`);
    schemas[title] = schema;
    return { $ref: `#/components/schemas/${title}` };
  };
  // By way of its text: schemas carry functions of their library, which are none of the document's business.
  const plain = visit(JSON.parse(JSON.stringify(document)) as Json) as Document & { readonly components?: object };
  return { ...plain, components: { ...plain.components, schemas } };
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** Whether it is a request's body of which null, so nothing at all, is one kind. */
function isNullBody({ required, content }: JsonObject): boolean {
  if (required !== true || typeof content !== "object" || content === null) return false;
  return Object.values(content).some((each) => {
    const { schema } = each as { readonly schema?: { readonly anyOf?: readonly { readonly type?: unknown }[] } };
    return schema?.anyOf?.some(({ type }) => type === "null") === true;
  });
}

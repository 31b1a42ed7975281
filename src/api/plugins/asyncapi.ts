import fastifyPlugin from "fastify-plugin";
import { asyncapiDocument } from "./asyncapi-document.ts";
import type { TopicNames } from "./asyncapi-document.ts";

export type AsyncapiOptions = {
  readonly topics: TopicNames;
  /** Now: they grow. */
  readonly ordersPartitions: () => number;
};

/** `/asyncapi.json`, from the Avro schemas themselves and the topics as they are configured. */
export const asyncapi = fastifyPlugin<AsyncapiOptions>((app, { topics, ordersPartitions }, done) => {
  app.get("/asyncapi.json", { schema: { hide: true } }, () => asyncapiDocument(topics, ordersPartitions()));
  done();
});

/**
 * What stands before the schema registry, and can be told to be away, or to be another one: emptied, with ids of its own. It
 * answers then as Confluent's API does, as far as Tallyman asks.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** `emptied`: a fresh registry, whose first schema gets the id `nextId`. */
export type RegistryMode =
  { readonly is: "there" } | { readonly is: "away" } | { readonly is: "emptied"; readonly nextId: number };

export type RegistryFront = AsyncDisposable & {
  readonly url: string;
  set(mode: RegistryMode): void;
  /** Requests since the mode was set, for a test that wants to know that nobody was asked. */
  requests(): number;
};

export async function startRegistryFront(registryUrl: string): Promise<RegistryFront> {
  let mode: RegistryMode = { is: "there" };
  let requests = 0;
  let emptied = emptyRegistry(1);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (mode.is === "away") {
      request.socket.destroy();
      return;
    }
    const { method = "GET", url = "/" } = request;
    const { status, text } =
      mode.is === "there" ? await pass(registryUrl, method, url, body) : emptied(method, url, body);
    response.writeHead(status, { "content-type": "application/json" }).end(text);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(JSON.stringify(String(error))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (next) => {
      [mode, requests] = [next, 0];
      if (next.is === "emptied") emptied = emptyRegistry(next.nextId);
    },
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

type Answer = { readonly status: number; readonly text: string };

async function pass(registryUrl: string, method: string, path: string, body: string): Promise<Answer> {
  const headers = { "content-type": "application/vnd.schemaregistry.v1+json" };
  const init = body === "" ? { method, headers } : { method, headers, body };
  const response = await fetch(registryUrl.replace(/\/+$/, "") + path, init);
  return { status: response.status, text: await response.text() };
}

function emptyRegistry(firstId: number): (method: string, path: string, body: string) => Answer {
  const schemas: string[] = [];
  const ok = (value: unknown): Answer => ({ status: 200, text: JSON.stringify(value) });
  const unknown = (code: number): Answer => ({
    status: 404,
    text: JSON.stringify({ error_code: code, message: "not found" }),
  });
  return (method, path, body) => {
    if (path.startsWith("/config")) return ok({ compatibilityLevel: "FULL_TRANSITIVE" });
    const id = /^\/schemas\/ids\/(\d+)/.exec(path)?.[1];
    if (id !== undefined) {
      const schema = schemas[Number(id) - firstId];
      return schema === undefined ? unknown(40_403) : ok({ schema });
    }
    if (method === "POST" && path.endsWith("/versions")) {
      const { schema } = JSON.parse(body) as { schema: string };
      if (!schemas.includes(schema)) schemas.push(schema);
      return ok({ id: firstId + schemas.indexOf(schema) });
    }
    return unknown(40_401);
  };
}

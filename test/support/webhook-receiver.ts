/** Who is told of events: a real HTTP server that verifies each request by the library, and answers as it is told to. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook as Verifier } from "standardwebhooks";

export type Received = {
  readonly path: string;
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  /** Whether the signature is that of the path's secret. */
  readonly isSigned: boolean;
};

export class WebhookReceiver implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Of each path; without one nothing is verified. */
  readonly secrets = new Map<string, string>();
  /** What is answered to the n-th request (from 1) for an event at a path; "hold": nothing, ever. */
  answer: (event: Received, nth: number) => number | "hold" = () => 200;
  readonly #server = createServer((request, response) => void this.#take(request, response));
  readonly #held = new Set<ServerResponse>();

  async open(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  of(type: string): Received[] {
    return this.received.filter((each) => each.type === type);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const path = request.url ?? "";
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const { type, data } = JSON.parse(text) as { type: string; data: Record<string, unknown> };
    const id = headers["webhook-id"] ?? "";
    const event = { path, id, type, data, isSigned: this.#isSigned(path, text, headers) };
    this.received.push(event);
    const nth = this.received.filter((each) => each.id === id && each.path === path).length;
    const status = this.answer(event, nth);
    if (status === "hold") this.#held.add(response);
    else response.writeHead(status, { location: this.url("/elsewhere") }).end(`answer ${nth}`);
  }

  #isSigned(path: string, text: string, headers: Record<string, string>): boolean {
    const secret = this.secrets.get(path);
    if (secret === undefined) return false;
    try {
      new Verifier(secret).verify(text, headers);
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const response of this.#held) response.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

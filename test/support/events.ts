/** A client of event streams that keeps what it was told, and reads no faster than it is asked to. */

export type Told = { readonly id: string | null; readonly event: string; readonly data: Record<string, unknown> };

export type Events = {
  readonly status: number;
  readonly headers: Headers;
  /** The next event; null: the stream is over. */
  next(): Promise<Told | null>;
  /** Of what is no event: hints when to come again, and comments. */
  readonly retries: number[];
  readonly comments: string[];
  /** Of an answer that is no stream. */
  problem(): Promise<Record<string, unknown>>;
  close(): void;
};

export async function openEvents(url: string, lastEventId?: number | string): Promise<Events> {
  const controller = new AbortController();
  const headers = lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) };
  const response = await fetch(url, { headers, signal: controller.signal });
  const [retries, comments]: [number[], string[]] = [[], []];
  const read = response.ok ? readEvents(response, retries, comments) : null;
  return {
    status: response.status,
    headers: response.headers,
    retries,
    comments,
    next: async () => {
      if (read === null) throw new Error(`there is no stream: ${response.status}`);
      const { value, done } = await read.next();
      return done === true ? null : value;
    },
    problem: async () => (await response.json()) as Record<string, unknown>,
    close: () => controller.abort(),
  };
}

async function* readEvents(response: Response, retries: number[], comments: string[]): AsyncGenerator<Told, undefined> {
  if (response.body === null) return;
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n").map((line): [string, string] => {
        const at = line.indexOf(":");
        return [line.slice(0, at), line.slice(at + 1).trimStart()];
      });
      const fields = new Map(lines);
      const [retry, comment, data] = [fields.get("retry"), fields.get(""), fields.get("data")];
      if (retry !== undefined) retries.push(Number(retry));
      if (comment !== undefined) comments.push(comment);
      if (data === undefined) continue;
      const event = fields.get("event") ?? "message";
      yield { id: fields.get("id") ?? null, event, data: JSON.parse(data) as Record<string, unknown> };
    }
  }
}

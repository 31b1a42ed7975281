/** What the registry's client library can't ask: compatibility before the first version, and old versions. */
export type RegistryHttp = {
  requireCompatibility(subject: string, compatibility: string): Promise<void>;
  versions(subject: string): Promise<number[]>;
  schemaOfVersion(subject: string, version: number): Promise<string>;
  /** The text under the id; undefined when the answer has none. */
  schemaOfId(id: number): Promise<string | undefined>;
  /** Rejects, with the reason in its message, when no registry is there that answers as one. It asks for the storage too. */
  probe(): Promise<void>;
  /** Whether a registry is there and answers. */
  answers(): Promise<boolean>;
};

class RegistryHttpError extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(`status ${status}: ${text.slice(0, 500)}`);
    this.status = status;
  }
}

/** The HTTP status that an error of this file or of the library carries. The library says 400 for a broken connection. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : undefined;

export const createRegistryHttp = (url: string, timeoutMs: number): RegistryHttp => {
  const root = url.replace(/\/+$/, "");

  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(root + path, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new RegistryHttpError(response.status, text);
    return JSON.parse(text);
  };

  const probe = async (): Promise<void> => {
    try {
      await ask("GET", "/config");
    } catch (error) {
      // fetch only says "fetch failed" and hides the reason in the cause.
      throw error instanceof Error && error.cause instanceof Error
        ? new Error(`${error.message}: ${error.cause.message}`, { cause: error })
        : error;
    }
  };

  const versionsPath = (subject: string): string => `/subjects/${encodeURIComponent(subject)}/versions`;

  return {
    requireCompatibility: async (subject, compatibility) => {
      await ask("PUT", `/config/${encodeURIComponent(subject)}`, { compatibility });
    },
    versions: async (subject) => {
      const versions = await ask("GET", versionsPath(subject));
      return Array.isArray(versions) ? versions.map(Number) : [];
    },
    schemaOfVersion: async (subject, version) => {
      const found = await ask("GET", `${versionsPath(subject)}/${version}`);
      // Confluent's API: {subject, id, version, schema}.
      return (found as { schema: string }).schema;
    },
    schemaOfId: async (id) => {
      const { schema } = (await ask("GET", `/schemas/ids/${id}`)) as { schema?: unknown };
      return typeof schema === "string" ? schema : undefined;
    },
    probe,
    answers: () =>
      probe().then(
        () => true,
        () => false,
      ),
  };
};

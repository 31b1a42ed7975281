import path from "node:path";
import { stopRanks } from "./custody.ts";
import { javaFolder } from "./paths.ts";
import type { ChoosePort } from "./ports.ts";
import { type Service, type StartContext, launch, untilReady } from "./supervise.ts";

const readyLimitMs = 90_000;
const host = "127.0.0.1";

/**
 * Starts Apicurio Registry, whose storage is a database of its own: schema ids that changed at a restart would make old records
 * unreadable. Resolves, with the address of Confluent's API, when that answers.
 */
export async function startRegistry(
  java: string,
  storageUrl: string,
  choosePort: ChoosePort,
  context: StartContext,
): Promise<{ service: Service; url: string }> {
  const storage = new URL(storageUrl);
  const port = await choosePort(8081, "the schema registry");
  const managementPort = await choosePort(9000, "the schema registry's management port");
  const folder = path.join(javaFolder, "registry");
  const service = launch(
    {
      name: "registry",
      command: java,
      // Start-up is most of its life here: the first compiler tier alone brings it up a second sooner.
      args: [
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-jar",
        path.join(folder, "apicurio-registry-app-3.0.9-runner.jar"),
      ],
      cwd: folder,
      env: {
        APICURIO_STORAGE_KIND: "sql",
        APICURIO_STORAGE_SQL_KIND: "postgresql",
        APICURIO_DATASOURCE_URL: `jdbc:postgresql://${storage.host}${storage.pathname}`,
        APICURIO_DATASOURCE_USERNAME: decodeURIComponent(storage.username),
        APICURIO_DATASOURCE_PASSWORD: decodeURIComponent(storage.password),
        APICURIO_DATASOURCE_JDBC_INITIAL_SIZE: "2",
        APICURIO_DATASOURCE_JDBC_MIN_SIZE: "2",
        APICURIO_DATASOURCE_JDBC_MAX_SIZE: "8",
        QUARKUS_HTTP_HOST: host,
        QUARKUS_HTTP_PORT: String(port),
        QUARKUS_MANAGEMENT_HOST: host,
        QUARKUS_MANAGEMENT_PORT: String(managementPort),
        QUARKUS_HTTP_ACCESS_LOG_ENABLED: "false",
      },
      stop: { rank: stopRanks.service, signal: "SIGTERM", limitMs: 10_000 },
    },
    context,
  );
  const url = `http://${host}:${String(port)}/apis/ccompat/v7`;
  await untilReady(service, () => listSubjects(url), readyLimitMs, context);
  return { service, url };
}

async function listSubjects(url: string): Promise<void> {
  const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url}/subjects answers ${String(response.status)}`);
  await response.text();
}

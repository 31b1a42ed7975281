import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { stopRanks } from "./custody.ts";
import { Failure } from "./failure.ts";
import { embeddedRedis } from "./java.ts";
import type { ChoosePort } from "./ports.ts";
import { type Service, type StartContext, launch, untilReady } from "./supervise.ts";

const readyLimitMs = 30_000;
const host = "127.0.0.1";

/** The redis-server on the PATH; undefined when there is none, and then the embedded one is used. */
export function installedRedis(): string | undefined {
  const folders = (process.env.PATH ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.join(folder, "redis-server")).find((file) => existsSync(file));
}

/** Starts Redis as a cache only: nothing is written to disk, since all of it is rebuilt from PostgreSQL. Resolves when it answers. */
export async function startRedis(
  choosePort: ChoosePort,
  context: StartContext,
): Promise<{ service: Service; url: string }> {
  const port = await choosePort(6379, "Redis");
  const folder = path.join(context.profile.data, "redis");
  mkdirSync(folder, { recursive: true });
  const settings = {
    bind: host,
    port: String(port),
    dir: folder,
    save: "",
    appendonly: "no",
    maxmemory: "512mb",
    // What has no expiry (a guard, a driver's position) is never thrown out for a page that has one.
    "maxmemory-policy": "volatile-lru",
  };
  const service = launch(
    {
      name: "redis",
      command: installedRedis() ?? findEmbedded(),
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      cwd: folder,
      stop: { rank: stopRanks.service, signal: "SIGTERM", limitMs: 5_000 },
    },
    context,
  );
  await untilReady(service, () => ping(port), readyLimitMs, context);
  return { service, url: `redis://${host}:${String(port)}` };
}

function findEmbedded(): string {
  const binary = embeddedRedis();
  if (binary === undefined) {
    throw new Failure(`No Redis comes with the jars for ${process.platform}-${process.arch}.
Install one (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), or name a running one with REDIS_URL.`);
  }
  // A jar keeps no permissions.
  chmodSync(binary, 0o755);
  return binary;
}

function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.once("error", fail);
    socket.once("timeout", () => fail(new Error("Redis does not answer")));
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (answer) => {
      socket.destroy();
      if (answer.toString().startsWith("+PONG")) resolve();
      else reject(new Error(`Redis answers ${answer.toString().trim()}`));
    });
  });
}

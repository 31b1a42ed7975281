// npm run demo: fills a grocery and lets it live, on the Tallyman that runs in this checkout or under --url, else on one that it starts.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { publishedApi } from "./addresses.ts";
import { type DemoOptions, runDemo } from "./demo/demo.ts";
import { Failure, runMain } from "./failure.ts";
import { openProfile } from "./paths.ts";
import { stopRequest } from "./stop-request.ts";

const defaults = { customers: 24, drivers: 40, products: 2_000, seed: 1, pace: 1 };
const most = { customers: 2_000, drivers: 2_000, products: 2_000, seed: 1_000_000, pace: 100 };
const startLimitMs = 10 * 60_000;

await runMain(async () => {
  const options = readOptions(process.argv.slice(2));
  let started: ChildProcess | undefined;
  try {
    const running = options.url ?? (await runningApi());
    if (running === undefined) started = startTallyman();
    const url = running ?? (await untilPublished(started));
    await runDemo({ ...options, url }, stopRequest, console.log);
    return 0;
  } catch (error) {
    if (stopRequest.aborted && !(error instanceof Failure)) return 0;
    throw error;
  } finally {
    await stop(started);
  }
});

function readOptions(args: string[]): Omit<DemoOptions, "url"> & { url?: string } {
  const named = Object.keys(defaults) as (keyof typeof defaults)[];
  const texts = Object.fromEntries(named.map((name) => [name, { type: "string" as const }]));
  let values: Record<string, string | undefined>;
  try {
    ({ values } = parseArgs({ args, options: { ...texts, url: { type: "string" } } }));
  } catch (error) {
    throw new Failure(`${error instanceof Error ? error.message : String(error)}\nOptions: ${usage(named)}`);
  }
  const numbers = { ...defaults };
  for (const name of named) {
    const text = values[name];
    if (text === undefined) continue;
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1 || number > most[name])
      throw new Failure(`--${name} is "${text}"; it must be a whole number from 1 to ${most[name]}.`);
    numbers[name] = number;
  }
  const url = values.url;
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new Failure(`--url is "${url}"; it must be an address such as http://127.0.0.1:8080.`);
  return { ...numbers, ...(url !== undefined && { url: url.replace(/\/+$/, "") }) };
}

function usage(named: readonly (keyof typeof defaults)[]): string {
  return `--url ADDRESS, ${named.map((name) => `--${name} N (${defaults[name]})`).join(", ")}`;
}

/** The api that another command of this checkout has started, if it answers. */
async function runningApi(): Promise<string | undefined> {
  const url = publishedApi(openProfile(process.env.TALLYMAN_PROFILE ?? "dev"));
  if (url === undefined) return undefined;
  const answer = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  const isOurs = answer?.ok === true && ((await answer.json()) as { status?: string }).status === "alive";
  return isOurs ? url : undefined;
}

function startTallyman(): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, path.join(import.meta.dirname, "start.ts")], {
    // It ends itself when this process is gone (stop-request.ts).
    env: { ...process.env, TALLYMAN_BOOTSTRAP_PID: String(process.pid) },
    stdio: ["ignore", "inherit", "inherit"],
    // A session of its own, so that Ctrl-C reaches only this process, which ends the demo and then Tallyman.
    detached: true,
  });
}

async function untilPublished(started: ChildProcess | undefined): Promise<string> {
  const giveUpAt = performance.now() + startLimitMs;
  for (;;) {
    const url = await runningApi();
    if (url !== undefined) return url;
    if (!isRunning(started))
      throw new Failure("Tallyman did not start, so that there is nothing to show. What it said is above.");
    if (performance.now() > giveUpAt) throw new Failure("Tallyman does not come up.");
    await sleep(200, undefined, { signal: stopRequest });
  }
}

function isRunning(started: ChildProcess | undefined): started is ChildProcess {
  return started?.exitCode === null && started.signalCode === null;
}

async function stop(started: ChildProcess | undefined): Promise<void> {
  if (!isRunning(started)) return;
  const ended = once(started, "exit");
  started.kill("SIGTERM");
  await ended;
}

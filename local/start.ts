// npm start, npm run api, npm run processor, npm run worker, npm run services: the services that are needed, then Tallyman's processes, until a stop is asked
// for or something ends by itself.
import { setTimeout as sleep } from "node:timers/promises";
import { type Addresses, complete, publishApi, publishedAddresses, readNamed, toEnvironment } from "./addresses.ts";
import { type App, type AppRole, chooseApiPort, chooseProcessorPort, chooseWorkerPort, startApp } from "./apps.ts";
import { Failure, runMain } from "./failure.ts";
import { lastLines } from "./files.ts";
import { showWarnings } from "./log-tail.ts";
import { type Profile, openProfile } from "./paths.ts";
import { profileOwner } from "./profile-lock.ts";
import { type Progress, printProgress, seconds } from "./progress.ts";
import { type Services, startServices } from "./services.ts";
import { isStop, stopRequest, stopRequested } from "./stop-request.ts";

const commands = {
  all: "npm start",
  api: "npm run api",
  processor: "npm run processor",
  worker: "npm run worker",
  services: "npm run services",
} as const;
type Role = keyof typeof commands;

const otherStartLimitMs = 120_000;

await runMain(async () => {
  const role = readRole(process.argv[2] ?? "all");
  const startedAt = performance.now() - (Date.now() - Number(process.env.TALLYMAN_COMMAND_AT ?? Date.now()));
  const profile = openProfile(process.env.TALLYMAN_PROFILE ?? "dev");
  const progress = printProgress();
  const running: Running = { apps: [], tails: [] };
  try {
    const roles = appsOf(role);
    // Before the services: a PORT that is taken should not take ten seconds to say so.
    const apiPort = roles.includes("api") ? await chooseApiPort(progress) : 0;
    const named = await findRunning(profile, role, progress);
    running.services = await startServices({ profile, named, progress, command: commands[role], signal: stopRequest });
    const context = { profile, custody: running.services.custody, signal: stopRequest };
    // One after the other: the first makes topic, tables and schemas, the second finds them.
    for (const app of roles) {
      const port = app === "api" ? apiPort : await (app === "worker" ? chooseWorkerPort() : chooseProcessorPort());
      const started = await startApp(app, port, running.services, context, progress);
      running.apps.push(started);
      running.tails.push(showWarnings(app, started.logFile));
    }
    publish(roles, profile, running);
    console.log(readyText(role, running, startedAt));
    const crash = await Promise.race([stopRequested(), running.services.crashed, ...running.apps.map(crashOf)]);
    if (crash === undefined) return 0;
    console.error(`\n${crash}\nStopping the rest.`);
    return 1;
  } catch (error) {
    if (isStop(error)) return 0;
    throw error;
  } finally {
    if (running.isPublished === true) publishApi(profile, undefined);
    await stopAll(running);
  }
});

type Running = { services?: Services; apps: App[]; tails: (() => void)[]; isPublished?: boolean };

/** For commands beside this one, such as npm run demo. */
function publish(roles: readonly AppRole[], profile: Profile, running: Running): void {
  const url = running.apps[roles.indexOf("api")]?.url;
  if (url === undefined) return;
  publishApi(profile, url);
  running.isPublished = true;
}

function readRole(text: string): Role {
  if (Object.hasOwn(commands, text)) return text as Role;
  throw new Failure(`"${text}" is not one of: api, processor, worker, services (or nothing, for all of them).`);
}

function appsOf(role: Role): AppRole[] {
  if (role === "services") return [];
  return role === "all" ? ["api", "processor", "worker"] : [role];
}

/** What need not be started: the services that the environment names, and those that another command of this checkout runs. */
async function findRunning(profile: Profile, role: Role, progress: Progress): Promise<Partial<Addresses>> {
  const named = readNamed(process.env);
  const owner = profileOwner(profile);
  // Two `npm start` would be two APIs: the second is told so by startServices.
  const isOne = role === "api" || role === "processor" || role === "worker";
  const shares = isOne || (role === "all" && owner?.command === commands.services);
  if (owner === undefined || complete(named) !== undefined || !shares) return named;
  const giveUpAt = performance.now() + otherStartLimitMs;
  for (;;) {
    const published = publishedAddresses(profile);
    if (published !== undefined) {
      progress.line(`Using the services of process ${String(owner.pid)} (${owner.command}).`);
      return { ...published, ...named };
    }
    if (profileOwner(profile) === undefined) return named;
    if (performance.now() > giveUpAt)
      throw new Failure(`The services of process ${String(owner.pid)} (${owner.command}) do not come up.`);
    await sleep(100, undefined, { signal: stopRequest });
  }
}

async function crashOf(app: App): Promise<string> {
  const how = await app.exited;
  return `The ${app.name} ended by itself (${how}):\n${lastLines(app.logFile)}\nThe whole log: ${app.logFile}`;
}

function readyText(role: Role, running: Running, startedAt: number): string {
  const time = seconds(startedAt);
  const url = running.apps[0]?.url ?? "";
  if (role === "worker") return `A worker is ready in ${time}; its health: ${url}/readyz. Ctrl-C stops it.`;
  if (role === "processor") return `A processor is ready in ${time}; its health: ${url}/readyz. Ctrl-C stops it.`;
  if (role !== "services") return `Tallyman is ready in ${time}: ${url} (docs: /docs). Ctrl-C stops it.`;
  const variables = running.services === undefined ? {} : toEnvironment(running.services);
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
  return `${exports.join("\n")}\nThe services are ready in ${time}. Ctrl-C stops them.`;
}

/** The api takes nothing more, then the processors finish what they have, then the workers, then the services go. */
async function stopAll(running: Running): Promise<void> {
  for (const app of running.apps) await app.stop();
  for (const endTail of running.tails) endTail();
  await running.services?.stop();
}

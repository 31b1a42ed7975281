import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { endLeftovers } from "../../local/custody.ts";
import { identify } from "../../local/process-identity.ts";
import { temporaryProfile } from "../fixtures/local/temporary-profile.ts";

const ownerScript = path.join(import.meta.dirname, "../fixtures/local/owner.ts");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "tallyman-custody-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the custody of what a start leaves running", () => {
  it("ends it when the owner is killed", async () => {
    const { owner, pids } = await startOwner();
    expect(alive(pids)).toEqual(pids);
    owner.kill("SIGKILL");
    await vi.waitFor(() => expect(alive(pids)).toEqual([]), { timeout: 8_000 });
  });

  it("ends it at the next start when the keeper was killed too, and then knows of nothing more", async () => {
    const { owner, pids } = await startOwner();
    const keeper = findKeeper(owner.pid ?? 0);
    process.kill(keeper, "SIGKILL");
    owner.kill("SIGKILL");
    await once(owner, "exit");
    await sleep(200);
    expect(alive(pids)).toEqual(pids);
    expect(await endLeftovers(temporaryProfile(folder))).toHaveLength(2);
    expect(alive(pids)).toEqual([]);
    expect(await endLeftovers(temporaryProfile(folder))).toEqual([]);
  });

  it("leaves alone what belongs to an owner that lives", async () => {
    const { owner, pids } = await startOwner();
    expect(await endLeftovers(temporaryProfile(folder))).toEqual([]);
    expect(alive(pids)).toEqual(pids);
    owner.kill("SIGKILL");
    await vi.waitFor(() => expect(alive(pids)).toEqual([]), { timeout: 8_000 });
  });

  it("leaves alone a stranger that got the id of what a killed owner had started", async () => {
    const stranger = spawn("sleep", ["600"], { stdio: "ignore" });
    try {
      const ward = {
        pid: stranger.pid,
        startTime: "another time",
        name: "kafka",
        stop: { rank: 2, signal: "SIGKILL", limitMs: 100 },
      };
      mkdirSync(path.join(folder, "processes"), { recursive: true });
      writeFileSync(
        path.join(folder, "processes", "1.json"),
        JSON.stringify({ owner: { pid: 1, startTime: "another time" }, wards: [ward] }),
      );
      expect(await endLeftovers(temporaryProfile(folder))).toEqual([]);
      expect(alive([stranger.pid ?? 0])).toHaveLength(1);
      expect(readdirSync(path.join(folder, "processes"))).toEqual([]);
    } finally {
      stranger.kill("SIGKILL");
    }
  });
});

async function startOwner(): Promise<{ owner: ChildProcess; pids: number[] }> {
  const owner = spawn(process.execPath, [ownerScript, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(owner.stdout, "data")) as [Buffer];
  return { owner, pids: JSON.parse(line.toString()) as number[] };
}

/** The keeper is the owner's child that runs keeper.ts. */
function findKeeper(owner: number): number {
  const children = readFileSync(`/proc/${String(owner)}/task/${String(owner)}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  const keeper = children.find((pid) => readFileSync(`/proc/${String(pid)}/cmdline`, "utf8").includes("keeper.ts"));
  if (keeper === undefined) throw new Error("The owner has no keeper.");
  return keeper;
}

function alive(pids: number[]): number[] {
  return pids.filter((pid) => identify(pid) !== undefined);
}

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Profile } from "../../local/paths.ts";
import { lockProfile, profileOwner } from "../../local/profile-lock.ts";
import { temporaryProfile } from "../fixtures/local/temporary-profile.ts";

let profile: Profile;

beforeEach(() => {
  profile = temporaryProfile(mkdtempSync(path.join(os.tmpdir(), "tallyman-lock-")));
});

afterEach(() => rmSync(profile.folder, { recursive: true, force: true }));

describe("the lock of a profile", () => {
  it("names the process and the command that hold it", () => {
    const unlock = lockProfile(profile, "npm start");
    expect(() => lockProfile(profile, "npm test")).toThrow(
      new RegExp(`process ${String(process.pid)} \\(npm start\\)`),
    );
    expect(profileOwner(profile)?.command).toBe("npm start");
    unlock();
    expect(profileOwner(profile)).toBeUndefined();
    lockProfile(profile, "npm test")();
  });

  it.each([
    ["is gone", JSON.stringify({ pid: 2 ** 22 + 1, startTime: "1", command: "npm start" })],
    [
      "lives on as another process with the same id",
      JSON.stringify({ pid: process.pid, startTime: "another time", command: "npm start" }),
    ],
    ["can't be read", "{"],
  ])("is taken from an owner that %s", (_how, content) => {
    writeFileSync(path.join(profile.folder, "owner.json"), content);
    expect(profileOwner(profile)).toBeUndefined();
    const unlock = lockProfile(profile, "npm start");
    expect(profileOwner(profile)?.pid).toBe(process.pid);
    unlock();
    expect(readdirSync(profile.folder).sort()).toEqual(["data", "logs"]);
  });
});

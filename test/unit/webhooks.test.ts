// Webhooks lead to public addresses alone, whatever a name means a moment later; what is sent is signed, bounded and never follows a redirect.
import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook as Verifier } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { isPublicAddress, publicLookup } from "../../src/webhooks/public-addresses.ts";
import type { Resolve } from "../../src/webhooks/public-addresses.ts";
import { createWebhookSender } from "../../src/webhooks/sender.ts";
import { createWebhookAddressCheck } from "../../src/webhooks/webhook-address.ts";

const noAbort = new AbortController().signal;
/** Each name means these addresses, one list after another each time that it is asked for, the last one from then on. */
const resolving = (answers: Readonly<Record<string, readonly (readonly string[])[]>>): Resolve => {
  const asked = new Map<string, number>();
  return (hostname, _options, callback) => {
    const lists = answers[hostname];
    const nth = asked.get(hostname) ?? 0;
    asked.set(hostname, nth + 1);
    const addresses = lists?.[Math.min(nth, lists.length - 1)];
    if (addresses === undefined) callback(new Error(`getaddrinfo ENOTFOUND ${hostname}`), []);
    else
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
  };
};

describe("an address", () => {
  test.each(["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
  test.each([
    "127.0.0.1",
    "127.255.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "fec0::1",
    "ff02::1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "not an address",
  ])("%s is not", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe("a webhook's address", () => {
  const check = createWebhookAddressCheck(
    false,
    resolving({
      "shop.example": [["93.184.216.34", "2606:4700::1"]],
      "inside.example": [["10.0.0.7"]],
      "mixed.example": [["8.8.8.8", "::1"]],
    }),
  );
  test.each([
    "https://shop.example/hooks",
    "https://shop.example:8443/",
    "https://8.8.8.8/",
    "https://[2606:4700::1]/",
  ])("%s may be", async (url) => {
    expect(await check(url)).toBeNull();
  });
  test.each([
    ["http://shop.example/", "https://"],
    ["ftp://shop.example/", "https://"],
    ["https://me:secret@shop.example/", "user"],
    ["https://inside.example/", "10.0.0.7"],
    ["https://mixed.example/", "::1"],
    ["https://nowhere.example/", "ENOTFOUND"],
    ["https://127.0.0.1/", "not public"],
    ["https://2130706433/", "not public"],
    ["https://0x7f.1/", "not public"],
    ["https://[::ffff:127.0.0.1]/", "not public"],
    ["https://169.254.169.254/latest/meta-data", "not public"],
    ["https://", "URL"],
  ])("%s may not: %s", async (url, words) => {
    expect(await check(url)).toContain(words);
  });
  test("may be any where that is allowed, but no other protocol", async () => {
    const any = createWebhookAddressCheck(true, resolving({}));
    expect(await any("http://127.0.0.1:9/")).toBeNull();
    expect(await any("ftp://127.0.0.1/")).toContain("https://");
  });
});

test("a lookup gives one address or all, as it is asked, and none that was not checked", async () => {
  const lookup = publicLookup(resolving({ "shop.example": [["8.8.8.8", "8.8.4.4"]], "none.example": [[]] }));
  const ask = (hostname: string, all: boolean) =>
    new Promise((resolve) => lookup(hostname, { all }, (error, address) => resolve(error?.message ?? address)));
  expect(await ask("shop.example", true)).toEqual([
    { address: "8.8.8.8", family: 4 },
    { address: "8.8.4.4", family: 4 },
  ]);
  expect(await ask("shop.example", false)).toBe("8.8.8.8");
  expect(await ask("none.example", true)).toContain("not public");
});

describe("a request", () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  });
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  };
  const secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
  const message = (url: string) => ({ url, id: "event-1", body: '{"type":"x","data":"ü"}', secrets });
  const allowed = createWebhookSender({ allowPrivate: true, timeoutMs: 2_000 });

  test("is signed by each secret, as the library verifies it, and its answer's beginning is kept", async () => {
    let verified = 0;
    const url = await serve((request, response) => {
      void text(request).then((body) => {
        for (const secret of secrets) {
          new Verifier(secret).verify(body, request.headers as Record<string, string>);
          verified += 1;
        }
        response.writeHead(204).end();
      });
    });
    expect(await allowed(message(url), noAbort)).toMatchObject({ status: 204, error: null, answer: "" });
    expect(verified).toBe(2);
  });

  test("that is answered without end keeps the beginning; what is no text is made one", async () => {
    let isClosed = false;
    const url = await serve((_request, response) => {
      response.writeHead(500).write("\0busy".padEnd(5_000, "x"));
      response.on("close", () => (isClosed = true));
    });
    const { status, error, answer } = await allowed(message(url), noAbort);
    expect({ status, error }).toEqual({ status: 500, error: "it answered 500" });
    expect(answer).toHaveLength(limits.deliveryAnswerBytesMax);
    expect(answer?.startsWith("\uFFFDbusy")).toBe(true);
    await expect.poll(() => isClosed).toBe(true);
  });

  test("is given up when nothing comes, or somebody says so", async () => {
    const url = await serve(() => undefined);
    const short = createWebhookSender({ allowPrivate: true, timeoutMs: 50 });
    expect(await short(message(url), noAbort)).toMatchObject({ status: null, error: "no answer in 50 ms" });
    expect(await allowed(message(url), AbortSignal.timeout(50))).toMatchObject({ status: null });
  });

  test("that is redirected ends there", async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(307, { location: "/elsewhere" }).end();
    });
    expect(await allowed(message(url), noAbort)).toMatchObject({ status: 307, error: "it answered 307" });
    expect(asked).toEqual(["/hook"]);
  });

  test("reaches nobody inside: by address, by name, or by a name that was another one when it was checked", async () => {
    let connections = 0;
    const { port } = new URL(await serve((_request, response) => response.end()));
    servers[0]?.on("connection", () => (connections += 1));
    const resolve = resolving({ "inside.example": [["127.0.0.1"]], "rebinds.example": [["8.8.8.8"], ["127.0.0.1"]] });
    const send = createWebhookSender({ allowPrivate: false, resolve, timeoutMs: 2_000 });
    const check = createWebhookAddressCheck(false, resolve);
    expect(await check(`https://rebinds.example:${port}/`)).toBeNull();
    for (const host of ["127.0.0.1", "[::ffff:127.0.0.1]", "inside.example", "rebinds.example"]) {
      const { status, error } = await send(message(`https://${host}:${port}/hook`), noAbort);
      expect(status, host).toBeNull();
      expect(error, host).toContain("not public");
    }
    expect(await send(message(`http://8.8.8.8:${port}/`), noAbort)).toMatchObject({
      error: "it must begin with https://",
    });
    expect(connections).toBe(0);
  });
});

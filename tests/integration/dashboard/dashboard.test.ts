import { request } from "node:http";

import { GatherScripts } from "@poolmq/shared/redis";
import { describe, expect, test } from "vitest";

import { startDashboard } from "../../support/dashboard.ts";
import { Program } from "../../support/processes.ts";
import { freePort, RedisServer, redisForFile } from "../../support/redis-server.ts";
import { rejection } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { until } from "../../support/until.ts";
import { Watched } from "../../support/watched.ts";
import { runPoolmq, startPoolmq } from "../../support/worker-program.ts";

const redis = redisForFile();
const TOKEN = "a-token-of-the-tests";
const WITH_TOKEN = { POOLMQ_DASHBOARD_TOKEN: TOKEN };

function dashboard(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return startDashboard({ url: redis().url, queue: uniqueQueue() }, args, env);
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** Asks with any header, also those that `fetch` keeps to itself. Of a stream, it takes the first part. */
function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  { method = "GET", body = "" } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), { method, headers, agent: false }, (response) => {
      let text = "";
      const done = (): void => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        response.destroy();
      };
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
        if (/^event: /m.test(text)) done();
      });
      response.once("end", done);
    });
    asked.once("error", reject);
    asked.end(body);
  });
}

/** Gives the status of each of these requests. */
async function statuses(
  url: string,
  requests: readonly (readonly [
    path: string,
    headers?: Readonly<Record<string, string>>,
    method?: string | undefined,
  ])[],
): Promise<number[]> {
  const answers = requests.map(([path, headers, method]) =>
    ask(url, path, headers, method ? { method } : {}),
  );
  return (await Promise.all(answers)).map(({ status }) => status);
}

/** Everything that holds data, or changes some. */
const GUARDED = [
  ["/"],
  ["/events"],
  ["/jobs/"],
  ["/jobs/api/queues"],
  ["/cancel?map=x", {}, "POST"],
  ["/retry?map=x", {}, "POST"],
  ["/drain?worker=x", {}, "POST"],
  ["/resize?worker=x&processes=2", {}, "POST"],
  ["/stack?worker=x&pid=1", {}, "POST"],
  ["/item?map=x&index=0"],
  ["/lines"],
  ["/report?map=x"],
  ["/spans?worker=x"],
  ["/times?map=x"],
] as const;

describe("without a token", () => {
  test("the dashboard answers to this machine's names alone, as DNS rebinding would use another", async () => {
    const url = await dashboard();
    const { port } = new URL(url);
    expect(url).toContain("127.0.0.1");
    const named = (host: string) => ["/events", { host }] as const;
    expect(
      await statuses(url, [
        ["/"],
        named(`localhost:${port}`),
        named(`127.0.0.1:${port}`),
        named(`[::1]:${port}`),
        // As through a tunnel, whose port is another.
        named("localhost:9999"),
      ]),
    ).toEqual([200, 200, 200, 200, 200]);
    expect(
      await statuses(url, [
        named(`evil.example:${port}`),
        named("localhost.evil.example"),
        named("127.0.0.1.evil.example"),
        named(`10.0.0.1:${port}`),
        ["/page/app.js", { host: "evil.example" }],
      ]),
    ).toEqual([403, 403, 403, 403, 403]);
  });

  test.for(["/cancel?map=x", "/retry?map=x"])("another site's page changes nothing (%s)", async (path) => {
    const url = await dashboard(["--write"]);
    const from = (headers: Readonly<Record<string, string>>) => [path, headers, "POST"] as const;
    expect(
      await statuses(url, [
        from({ origin: "https://evil.example" }),
        from({ origin: "null" }),
        from({ "sec-fetch-site": "cross-site" }),
        from({ "sec-fetch-site": "same-site", origin: url }),
        ["/jobs/api/queues/pause", { origin: "https://evil.example" }, "PUT"],
      ]),
    ).toEqual([403, 403, 403, 403, 403]);
    // That map is not there, but whoever asks is.
    expect(
      await statuses(url, [from({ origin: url }), from({ "sec-fetch-site": "same-origin" }), from({})]),
    ).toEqual([404, 404, 404]);
  });

  test("it is not served to others", async () => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1"]) {
      const { code, output } = await runPoolmq([
        "dashboard",
        "--host",
        host,
        "--port",
        "0",
        "-r",
        redis().url,
      ]);
      expect(output).toContain(`On ${host}, others can reach the dashboard, so it needs a token`);
      expect(code).toBe(2);
    }
  });
});

describe("with a token", () => {
  test("who does not have it sees nothing", async () => {
    const url = await dashboard(["--host", "0.0.0.0", "--write"], WITH_TOKEN);
    const all = GUARDED.map(() => 401);
    expect(await statuses(url, GUARDED)).toEqual(all);
    for (const authorization of ["Bearer", "Bearer ", `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN]) {
      const guarded = GUARDED.map(([path, , method]) => [path, { authorization }, method] as const);
      expect(await statuses(url, guarded)).toEqual(all);
    }
    const cookies = ["", TOKEN, "x".repeat(43)].map((value) => ({ cookie: `poolmq-dashboard=${value}` }));
    expect(
      await statuses(
        url,
        cookies.map((cookie) => ["/events", cookie]),
      ),
    ).toEqual([401, 401, 401]);
    expect((await ask(url, "/")).text).not.toContain("app.js");
  });

  test("programs send it, and browsers get a cookie for it that no script reads and no other site sends", async () => {
    const url = await dashboard([], WITH_TOKEN);
    const authorization = `Bearer ${TOKEN}`;
    const host = "pool.example";
    expect(
      await statuses(url, [
        ["/events", { authorization }],
        ["/events", { authorization, host }],
      ]),
    ).toEqual([200, 200]);
    const login = (token: string, headers = {}): Promise<Answer> => {
      const body = new URLSearchParams({ token }).toString();
      const all = { "content-length": String(body.length), origin: url, ...headers };
      return ask(url, "/login", all, { method: "POST", body });
    };
    expect(await login("another-token-altogether")).toMatchObject({ status: 401 });
    expect(await login(TOKEN, { origin: "https://evil.example" })).toMatchObject({ status: 403 });
    expect(await login("x".repeat(5_000))).toMatchObject({ status: 413 });
    const { status, headers } = await login(TOKEN);
    expect([status, headers["location"]]).toEqual([303, "/"]);
    const [cookie = "", ...attributes] = (headers["set-cookie"]?.[0] ?? "").split("; ");
    expect(attributes).toEqual(["Path=/", "HttpOnly", "SameSite=Strict"]);
    expect(cookie).not.toContain(TOKEN);
    expect(
      await statuses(url, [
        ["/events", { cookie: `a=b; ${cookie}` }],
        ["/", { cookie }],
      ]),
    ).toEqual([200, 200]);
    // A browser's request without a word of where it comes from.
    const changes = ["/cancel?map=x", "/retry?map=x"].map((path) => [path, { cookie }, "POST"] as const);
    expect(await statuses(url, changes)).toEqual([403, 403]);
  });

  test("one that can be guessed is refused", async () => {
    const { code, output } = await runPoolmq(["dashboard", "-r", redis().url], {
      POOLMQ_DASHBOARD_TOKEN: "hunter2",
    });
    expect(output).toMatch(/to have at least 16 characters, got 7\. .*openssl rand/);
    expect(output).not.toContain("hunter2");
    expect(code).toBe(2);
  });
});

test("nothing can be changed, unless it was told to", async () => {
  const [readOnly, writable] = await Promise.all([dashboard(), dashboard(["--write"])]);
  for (const action of ["cancel", "retry", "drain", "resize"]) {
    const what = action === "cancel" || action === "retry" ? "maps" : "machines";
    expect(await ask(readOnly, `/${action}?map=x`, {}, { method: "POST" })).toMatchObject({
      status: 403,
      text: expect.stringContaining(`--write to ${action} ${what}`),
    });
    expect(await ask(writable, `/${action}?map=x`)).toMatchObject({ status: 404, text: "not found\n" });
  }
  const board = async (url: string): Promise<unknown> => {
    const { queues } = JSON.parse((await ask(url, "/jobs/api/queues")).text) as { queues: object[] };
    return queues;
  };
  expect(await board(readOnly)).toMatchObject([{ readOnlyMode: true, allowRetries: false }]);
  expect(await board(writable)).toMatchObject([{ readOnlyMode: false }]);
});

test("a map whose producer is gone can be cancelled too", async () => {
  const stage = new Watched(redis());
  await using producer = Program.source(`
    import { Pool } from "@poolmq/producer";
    const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
    const items = ${JSON.stringify(stage.steps("end", "wait"))};
    console.log("id", pool.map("step", items, { mapId: "kept" }).id);
  `);
  await producer.line(/^id kept$/m);
  const [url] = await Promise.all([
    startDashboard({ url: redis().url, queue: stage.queue }, ["--write"]),
    stage.map("kept"),
  ]);
  producer.kill();
  await producer.exited;
  await stage.age("kept", 11_000);
  await stage.workers();
  expect(await stage.map("kept", ({ done }) => done === 1)).toMatchObject({ producer: { alive: false } });
  const cancel = () => ask(url, "/cancel?map=kept", {}, { method: "POST" });
  expect(await cancel()).toMatchObject({ status: 200 });
  // Its running item is stopped, and nothing is left of it.
  await until(async () => (await stage.watcher.read()).jobs.active === 0, { what: "the item to stop" });
  expect((await stage.watcher.read()).maps).toMatchObject([{ id: "kept", state: "cancelled" }]);
  expect(await rejection(stage.client().attach("kept"))).toMatchObject({ code: "UNKNOWN_MAP" });
  expect(await cancel()).toMatchObject({ status: 404 });
});

test("failed items of a map that is kept are run again, unless the dashboard only shows", async () => {
  const stage = new Watched(redis());
  // Items may begin in any order: two processes could both have an item that waits before the second one has failed.
  await stage.workers(3);
  const at = { url: redis().url, queue: stage.queue };
  const [writable, readOnly] = await Promise.all([startDashboard(at, ["--write"]), startDashboard(at)]);
  const retry = (url: string, id = "kept") => ask(url, `/retry?map=${id}`, {}, { method: "POST" });
  const pool = stage.client();
  const steps = stage.steps("fail", "end", "fail", "wait");
  const map = pool.map("step", steps, { mapId: "kept" });
  expect(await stage.map("kept", ({ failed }) => failed === 2)).toMatchObject({ retriable: false });
  // Begun now: items promise no order, and two that wait would hold both processes while one that fails is still queued.
  const plain = pool.map("step", stage.steps("wait"));
  await stage.map(plain.id);
  expect(await retry(writable)).toMatchObject({
    status: 409,
    text: expect.stringMatching(/^kept still runs: its producer sent a sign of life \S+ ago\. /),
  });
  expect(await retry(writable, plain.id)).toMatchObject({
    status: 409,
    text: expect.stringContaining("`mapId`"),
  });
  expect(await retry(writable, "nope")).toMatchObject({ status: 404 });
  stage.marks.open();
  await Promise.all([rejection(map), plain]);
  await stage.map("kept", ({ retriable }) => retriable);
  expect(await retry(readOnly)).toMatchObject({ status: 403 });
  expect(await stage.map("kept")).toMatchObject({ state: "failed", retriable: true });
  expect(await retry(writable)).toMatchObject({
    status: 200,
    text: '2 items of kept run again: attach("kept") gets them\n',
  });
  expect(await pool.attach("kept")).toEqual([0, 1, 2, 3]);
  expect(await stage.map("kept", ({ state }) => state === "done")).toMatchObject({ retriable: false });
  expect(await retry(writable)).toMatchObject({ status: 404 });
});

test("an item: where it waits, what it was given if that may be shown, where it ran and what it failed of", async () => {
  const stage = new Watched(redis());
  const at = { url: redis().url, queue: stage.queue };
  const [url, discreet] = await Promise.all([startDashboard(at, ["--values"]), startDashboard(at)]);
  const look = async (of: string, index: number, map = "kept"): Promise<object> =>
    JSON.parse((await ask(of, `/item?map=${map}&index=${index}`)).text) as object;
  const map = stage.client().map("step", stage.steps("fail", "end", "wait"), { mapId: "kept", chunksize: 2 });
  await until(async () => (await stage.watcher.read()).jobs.waiting === 2, { what: "the jobs to wait" });
  const waiting = { mapId: "kept", index: 1, state: "waiting", job: { at: 0, items: 2 }, ran: null };
  expect(await look(url, 1)).toMatchObject({
    ...waiting,
    arguments: expect.stringMatching(/does: 'end',\s+x: 1/) as string,
  });
  expect(await look(discreet, 1)).toMatchObject({ ...waiting, arguments: null });
  const machine = await stage.workers();
  const running = await until(
    async () => {
      const shown = (await look(url, 2)) as { readonly state: string };
      return shown.state === "running" ? shown : undefined;
    },
    { what: "the last item to run", everyMs: 50 },
  );
  expect(running).toMatchObject({ ran: { worker: machine.id, pid: machine.pids[0] }, attempt: 1 });
  stage.marks.open();
  await rejection(map);
  await stage.map("kept", ({ state }) => state === "failed");
  expect(await look(url, 0)).toMatchObject({
    state: "ended",
    ran: { worker: machine.id, pid: machine.pids[0] },
    error: { name: "RangeError", message: "row 0 is not there" },
  });
  // Outcomes that were published together share an entry.
  const scripts = new GatherScripts(redis().admin, stage.keys);
  await scripts.open("together", 60_000);
  const outcomes = [0, 1, 2].map((index) => ({
    at: index,
    ms: 1,
    text: `=[${index}]`,
    by: `some-machine ${index}`,
  }));
  await scripts.publish("together", outcomes, 60_000);
  expect(await look(url, 1, "together")).toMatchObject({
    state: "ended",
    ran: { worker: "some-machine", pid: 1 },
  });
  expect(await look(url, 0, "nothing")).toMatchObject({ state: "unknown" });
  expect(await ask(url, "/item?map=../x&index=0")).toMatchObject({ status: 404 });
});

test("a machine's stack and log, its number of processes, and a report of a map that is one file", async () => {
  const stage = new Watched(redis());
  const machine = await stage.workers();
  const url = await startDashboard({ url: redis().url, queue: stage.queue }, ["--write"]);
  const of = `worker=${machine.id}`;
  const post = (path: string) => ask(url, path, {}, { method: "POST" });
  expect(JSON.parse((await post(`/stack?${of}&pid=${machine.pids[0]}`)).text)).toEqual({ frames: [] });
  expect(await ask(url, `/stack?${of}&pid=${machine.pids[0]}`)).toMatchObject({ status: 404 });
  expect(JSON.parse((await ask(url, `/lines?${of}`)).text)).toBeInstanceOf(Array);
  expect(await post(`/resize?${of}&processes=0`)).toMatchObject({ status: 409 });
  expect(await post(`/resize?${of}&processes=2`)).toMatchObject({ status: 200 });
  await until(() => machine.pids.length === 2, { what: "a second process" });
  const map = stage.client().map("step", stage.steps("fail", "end"), { mapId: "kept" });
  await rejection(map);
  await stage.map("kept", ({ state }) => state === "failed");
  // The feed looks while a page is open.
  const report = await until(
    async () => {
      await ask(url, "/events");
      const answer = await ask(url, "/report?map=kept");
      return answer.text.includes("row 0 is not there") ? answer : undefined;
    },
    { what: "the report", everyMs: 100 },
  );
  expect(report.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "content-disposition": 'attachment; filename="poolmq-kept.html"',
  });
  expect(report.text).not.toMatch(/<script|src=|href=|@import|url\(/);
  expect(await post(`/drain?${of}`)).toMatchObject({ status: 200 });
  await machine.closed;
});

test("every answer tells the browser to run nothing but the page's own files", async () => {
  const url = await dashboard();
  for (const path of ["/", "/page/app.js", "/events", "/not/there", "/login"]) {
    const policy = String((await ask(url, path)).headers["content-security-policy"]);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(policy).not.toContain("unsafe");
  }
  expect((await ask(url, "/jobs/")).headers["content-security-policy"]).toMatch(/script-src 'self';/);
});

test("no path leads out of the page's folder", async () => {
  const url = await dashboard();
  const paths = ["/page/../package.json", "/page/%2e%2e/package.json", "/page/..%2fpackage.json", "/page/"];
  expect(
    await statuses(
      url,
      paths.map((path) => [path]),
    ),
  ).toEqual(paths.map(() => 404));
});

test("a Redis password is shown to nobody", async () => {
  await using guarded = await RedisServer.start({ settings: { requirepass: "canary-password" } });
  const program = startPoolmq(["dashboard", "-r", guarded.url, "--port", "0"]);
  const [, url = ""] = await program.line(/^dashboard at (http:\S+)$/m);
  const { text } = await ask(url, "/events");
  expect(text).toContain("event: start");
  expect(program.output + text + (await ask(url, "/jobs/api/queues")).text).not.toContain("canary");
  const wrong = guarded.url.replace("canary", "another-canary");
  const { output, code } = await runPoolmq(["dashboard", "-r", wrong, "--port", "0"]);
  expect(output).not.toContain("canary");
  expect(code).toBe(1);
});

test("a port in use is said to be", async () => {
  const port = String(await freePort());
  const args = ["dashboard", "-r", redis().url, "--port", port];
  const first = startPoolmq(args);
  await first.line(/^dashboard at/m);
  const { code, output } = await runPoolmq(args);
  expect(output).toBe(
    `poolmq: The dashboard can't be served on 127.0.0.1, port ${port}: the port is in use. Give another port (--port), or end what listens there\n`,
  );
  expect(code).toBe(1);
  first.kill("SIGTERM");
  expect(await first.exited).toMatchObject({ code: 0 });
});

test("machines are told to tell only while somebody looks", async () => {
  const queue = uniqueQueue();
  const url = await startDashboard({ url: redis().url, queue });
  const watch = `poolmq:{${queue}}:watch`;
  expect(await redis().admin.exists(watch)).toBe(0);
  expect((await ask(url, "/events")).text).toContain("event: start");
  expect(await redis().admin.exists(watch)).toBe(1);
});

/** What serves or follows a queue that is spread over several Redis servers: one pool is seen, and a server that is away hides nothing. */

import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";

import { shardNames } from "@poolmq/shared/internal";

import type * as tasks from "../../fixtures/watched-tasks.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { rejection, Stage, temporaryFolder } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { runPoolmq, startPoolmq } from "../../support/worker-program.ts";

const MODULE = new URL("../../fixtures/watched-tasks.ts", import.meta.url);

interface Seen {
  readonly jobs: { readonly waiting: number; readonly active: number };
  readonly maps: readonly { readonly id: string; readonly done: number; readonly failed: number }[];
  readonly machines: readonly { readonly id: string }[];
  readonly shards: readonly { readonly address: string; readonly answers: boolean }[];
}

/** What the dashboard tells a page that comes. */
async function seenOn(dashboard: string): Promise<Seen> {
  const abort = new AbortController();
  try {
    const { body } = await fetch(`${dashboard}/events`, { signal: abort.signal });
    let text = "";
    for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      const [, start] = /^event: start\ndata: (.*)\n\n/m.exec(text) ?? [];
      if (start !== undefined) return (JSON.parse(start) as { readonly view: Seen }).view;
    }
    throw new Error(`The page was told nothing: ${text}`);
  } finally {
    abort.abort();
  }
}

async function gauge(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, "m").exec(text)?.[1]);
}

test("dashboard, logs, queues and metrics see one pool", { timeout: 240_000 }, async () => {
  const servers = await Promise.all([RedisServer.start(), RedisServer.start(), RedisServer.start()]);
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
  const stage = new Stage(servers[0]);
  const redis = servers.flatMap(({ url }) => ["--redis", url]);
  // It is away when they begin, and joins.
  await servers[2].kill();
  const dashboard = startPoolmq([
    "dashboard",
    "-q",
    stage.queue,
    ...redis,
    "--port",
    "0",
    "--write",
    "--values",
  ]);
  const signal = startPoolmq(["scale-signal", "-q", stage.queue, ...redis, "--port", "0"]);
  const [, page = ""] = await dashboard.line(/^dashboard at (http:\S+)$/m, 60_000);
  const [, signals = ""] = await signal.line(/^serving (http:\S+)\/scale-signal$/m, 60_000);
  expect((await seenOn(page)).shards.filter(({ answers }) => !answers)).toHaveLength(1);
  await servers[2].restart();
  await until(async () => (await seenOn(page)).shards.every(({ answers }) => answers), {
    what: "the third server to be seen",
    timeoutMs: 60_000,
  });

  const logger = pino({ level: "info" }, { write() {} });
  const machine = await stage.machine({
    module: MODULE,
    connection: servers.map((server) => server.urlFor("worker")),
    logger,
    // There is room for another map while all items of one wait.
    concurrency: 10,
  });
  const pool = stage.pool<typeof tasks>({ connection: servers.map((server) => server.urlFor("producer")) });
  await pool.ready(1);
  const gate = `${temporaryFolder()}/gate`;
  // A map of one item is on its server only, and not seen while that is away.
  const failing = pool.map("step", [
    { does: "fail", x: 1, gate },
    { does: "end", x: 2, gate },
  ]);
  await rejection(failing);
  const steps = Array.from({ length: 8 }, (_, x) => ({ does: "wait", x, gate }) as const);
  const map = pool.map("step", steps, { chunksize: 1 });
  const ended = rejection(map);
  const whole = async (): Promise<Seen | undefined> => {
    const view = await seenOn(page);
    return view.jobs.waiting + view.jobs.active === 8 && view.maps.length === 2 ? view : undefined;
  };
  const seen = await until(whole, { what: "all of it to be seen", timeoutMs: 60_000 });
  expect(seen.machines).toMatchObject([{ id: machine.id }]);
  expect(seen.maps.map(({ id }) => id).toSorted()).toEqual([failing.id, map.id].toSorted());
  await until(async () => (await gauge(signals, "poolmq_queue_backlog")) === 8, { what: "the backlog" });
  expect(await gauge(signals, "poolmq_queue_machines")).toBe(1);

  // An item is found on whichever server it is.
  const item = async (index: number): Promise<unknown> =>
    (await fetch(`${page}/item?map=${map.id}&index=${index}`)).json();
  for (const index of [3, 4, 5, 6]) {
    expect(await item(index)).toMatchObject({
      task: "step",
      arguments: expect.stringContaining(`x: ${index}`),
    });
  }
  const post = async (what: string): Promise<{ readonly code: number; readonly text: string }> => {
    const answer = await fetch(`${page}/${what}`, { method: "POST", headers: { origin: page } });
    return { code: answer.status, text: await answer.text() };
  };
  expect(await post(`resize?worker=${machine.id}&processes=2`)).toMatchObject({ code: 200 });

  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await runPoolmq([...args, "-q", stage.queue, ...redis]);
    expect(code, output).toBe(0);
    return output;
  };
  // A machine tells its lines on every server, and each is shown once.
  const [told, queues] = await Promise.all([run("logs", "--json"), run("queues", "--json")]);
  expect(told.match(/item threw/g)).toHaveLength(1);
  expect(JSON.parse(queues)).toMatchObject([{ queue: stage.queue, machines: 1, processes: 2, silent: 0 }]);
  const follower = startPoolmq(["logs", "-f", "-q", stage.queue, ...redis]);
  await follower.line(/item threw/, 60_000);

  await servers[1].kill();
  const away = async (): Promise<Seen | undefined> => {
    const view = await seenOn(page);
    return view.shards.some(({ answers }) => !answers) ? view : undefined;
  };
  const without = await until(away, { what: "the dead server to be shown as such", timeoutMs: 60_000 });
  expect(without.machines).toMatchObject([{ id: machine.id }]);
  expect(without.maps).toHaveLength(2);
  const late = await rejection(pool.map("step", [{ does: "fail", x: 77, gate }]));
  expect(String(late)).toContain("row 77");
  await follower.line(/connection lost/, 60_000);
  await until(async () => (await gauge(signals, "poolmq_queue_backlog")) === 8, { what: "what goes round" });
  const [lines, served, workers] = await Promise.all([run("logs"), run("queues"), run("workers")]);
  expect(lines).toContain("connection lost");
  expect(served).toContain("served");
  expect(workers).toContain("step");
  expect(await post(`cancel?map=${map.id}`)).toMatchObject({ code: 200 });
  expect(await ended).toMatchObject({ code: "CANCELLED" });
  expect(await post(`drain?worker=${machine.id}`)).toMatchObject({ code: 200 });
  await machine.closed;
});

test("on a Redis Cluster, worker and commands take --shards", { timeout: 240_000 }, async () => {
  const cluster = await RedisCluster.start();
  const node = cluster.primaries[0];
  if (node === undefined) throw new Error("no node");
  const stage = new Stage(node);
  const at = ["-q", stage.queue, "--redis", node.url, "--shards", "3"];
  const worker = startPoolmq(["worker", MODULE.href, "-p", "1", ...at]);
  await worker.line(/worker machine ready/, 60_000);
  const pool = stage.pool<typeof tasks>({
    connection: { cluster: cluster.primaries.map((primary) => primary.url) },
    shards: 3,
  });
  await pool.ready(1);
  const gate = `${temporaryFolder()}/gate`;
  const steps = Array.from({ length: 8 }, (_, x) => ({ does: "wait", x, gate }) as const);
  const map = pool.map("step", steps, { chunksize: 1 });
  const ended = rejection(map);
  const json = async (...args: readonly string[]): Promise<unknown> => {
    const { code, output } = await runPoolmq([...args, "--json", ...at]);
    expect(code, output).toBe(0);
    return JSON.parse(output.slice(output.search(/^[[{]/m)));
  };
  const look = async (): Promise<Seen | undefined> => {
    const view = (await json("status")) as Seen;
    return view.maps.length === 1 && view.jobs.waiting + view.jobs.active === 8 ? view : undefined;
  };
  const seen = await until(look, { what: "the whole map to be seen", timeoutMs: 60_000 });
  expect(seen.machines).toHaveLength(1);
  // Each shard is told apart by the name of its queue.
  expect(seen.shards.map(({ address }) => /\((.*)\)/.exec(address)?.[1])).toEqual(shardNames(stage.queue, 3));
  const [queues, signal] = await Promise.all([json("queues"), json("scale-signal")]);
  expect(queues).toMatchObject([{ queue: stage.queue, machines: 1, processes: 1 }]);
  expect(signal).toMatchObject({ queue: stage.queue, backlog: 8, machines: 1 });
  expect(await json("pause")).toMatchObject({ paused: true });
  expect(await json("resume")).toMatchObject({ paused: false });
  expect(await json("cancel", map.id)).toMatchObject({ cancelled: true });
  expect(await ended).toMatchObject({ code: "CANCELLED" });
  const { output: rules } = await runPoolmq(["acl", "-q", stage.queue, "--shards", "3", "--role", "worker"]);
  for (const name of shardNames(stage.queue, 3)) expect(rules).toContain(`~poolmq:{${name}}:*`);
});

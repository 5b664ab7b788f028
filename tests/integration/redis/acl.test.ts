/** Logins that are allowed what `poolmq acl` says, and nothing else. The rest of the suite runs under them too. */

import { Pool } from "@poolmq/producer";
import { queueKeys, readFailedJob } from "@poolmq/shared/redis";
import { aclRules, LogReader, QueueWatcher } from "@poolmq/worker/internal";
import { runWorker } from "@poolmq/worker";
import { MachineControl, MapControl, QueueControl } from "@poolmq/worker/control";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, TASKS } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { runPoolmq } from "../../support/worker-program.ts";

const redis = redisForFile({ listen: "tcp" });

const ROLES = ["producer", "worker", "both", "operator"] as const;

/** Makes a login of this role for the queue; gives its address. */
async function login(queue: string, role: (typeof ROLES)[number]): Promise<string> {
  const name = `${queue}-${role}`;
  const [reset = "", ...rules] = aclRules([queueKeys(queue)], role);
  await redis().admin.call("ACL", "SETUSER", name, reset, ">secret", ...rules);
  return `redis://${name}:secret@127.0.0.1:${redis().port}`;
}

async function connected(url: string): Promise<Redis> {
  const connection = new Redis(url);
  onTestFinished(() => connection.disconnect());
  await connection.ping();
  return connection;
}

async function denied(): Promise<unknown[]> {
  const log = (await redis().admin.call("ACL", "LOG", "50")) as unknown[][];
  return (
    log
      .map(
        (fields) =>
          Object.fromEntries(fields.flatMap((v, i) => (i % 2 ? [] : [[v, fields[i + 1]]]))) as Record<
            string,
            unknown
          >,
      )
      // ioredis tells its own name, which Redis before 7.2 does not know and nothing needs.
      .filter(({ object }) => object !== "client|setinfo")
      .map(({ username, object, reason }) => [username, object, reason])
  );
}

test("producers, workers and pools with workers of their own do all that they do with these logins", async () => {
  const { queue } = new Stage(redis());
  await redis().admin.call("ACL", "LOG", "RESET");
  await using machine = await runWorker({
    module: TASKS,
    connection: await login(queue, "worker"),
    queue,
    processes: 1,
  });
  await using pool = new Pool({ connection: await login(queue, "producer"), queue });
  const shared = await pool.share([1]);
  expect(await pool.map("increment", [1, 2, 3], { chunksize: 2, priority: 3, attempts: 2 })).toEqual([
    2, 3, 4,
  ]);
  expect(await pool.apply("echo", [shared])).toEqual([1]);
  const large = Buffer.alloc(32 * 1024, "x");
  expect(await pool.apply("echo", [large])).toEqual(large);
  expect(
    await rejection(pool.map("fail", [1], { attempts: 2, backoff: { type: "fixed", delayMs: 1 } })),
  ).toMatchObject({ status: 402 });
  expect(await rejection(pool.map("fail", [1], { keepFailed: true }))).toMatchObject({ status: 402 });
  const durable = pool.map("echo", [1], { mapId: "m" });
  expect(await durable).toEqual([1]);
  expect(await pool.stats()).toMatchObject({ machines: 1, workers: 1 });
  const local = await login(`${queue}-local`, "both");
  await using own = new Pool({ connection: local, queue: `${queue}-local`, tasks: TASKS, processes: 1 });
  expect(await own.map("increment", [1])).toEqual([2]);
  expect(machine.pids).toHaveLength(1);
  expect(await denied()).toEqual([]);
});

test("an operator looks at a queue, retries its maps and ends them with this login", async () => {
  const stage = new Stage(redis());
  const { queue } = stage;
  await stage.machine();
  const pool = stage.pool({ connection: await login(queue, "producer") });
  await rejection(pool.map("fail", [1, 2], { mapId: "m" }));
  await until(async () => (await redis().admin.hexists(stage.keys.meta("m"), "delivered")) === 1, {
    what: "the map to be kept",
  });
  await redis().admin.call("ACL", "LOG", "RESET");
  const connection = await connected(await login(queue, "operator"));
  const watcher = new QueueWatcher(connection, { queue });
  expect((await watcher.readOnce()).machines).toHaveLength(1);
  expect(await watcher.errors("m")).toMatchObject({ failed: 1 });
  expect(await readFailedJob(connection, stage.keys, "m", 0)).toMatchObject({ job: { task: "fail" } });
  const control = new MapControl(connection, { queue });
  expect(await control.retry("m")).toEqual({ items: 1 });
  expect(await watcher.errors("m")).toMatchObject({ task: "fail" });
  expect(await control.setPriority("m", 2)).toBe("changed");
  expect(await control.cancel("m", "enough")).toBe("removed");
  await control.close();
  const whole = new QueueControl(connection, { queue, by: "test" });
  await whole.pause();
  await whole.resume();
  expect([...(await whole.dead())]).toEqual([]);
  await whole.purge("m");
  await whole.close();
  const machines = new MachineControl(connection, { queue, by: "test" });
  const [id = ""] = (await watcher.read()).machines.map((machine) => machine.id);
  expect(await machines.resize(id, 2)).toBe("done");
  const logs = new LogReader([{ redis: connection, keys: queueKeys(queue) }]);
  await logs.readKept();
  expect(await denied()).toEqual([]);
});

describe.for(ROLES)("the login of %s", (role) => {
  test.for<[string, ...string[]]>([
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["CONFIG", "GET", "*"],
    ["CONFIG", "SET", "maxmemory", "1"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["DEBUG", "SLEEP", "0"],
    ["SHUTDOWN"],
    ["SCRIPT", "FLUSH"],
    ["FUNCTION", "LIST"],
    ["ACL", "LIST"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "TYPE", "normal"],
    ["MONITOR"],
    ["REPLICAOF", "example.org", "6379"],
    ["MODULE", "LIST"],
    ["MIGRATE", "h", "1", "k", "0", "1"],
    ["SLOWLOG", "GET"],
    ["SAVE"],
    ["EVAL", "return redis.call('FLUSHALL')", "0"],
    ["EVAL", "return redis.call('CONFIG', 'GET', '*')", "0"],
  ])("is denied %s %s", async (words) => {
    const connection = await connected(await login("mine", role));
    const [command, ...args] = words;
    const error = await rejection(connection.call(command, ...args));
    expect(String(error)).toMatch(/NOPERM|permission|can't run this command|not allowed from script/i);
  });

  test("reaches no key and no channel of another queue, not even one whose name begins with its own", async () => {
    const connection = await connected(await login("mine", role));
    expect(await connection.hset("poolmq:{mine}:x", "field", "1")).toBeTypeOf("number");
    for (const key of ["poolmq:{other}:x", "poolmq:{mine2}:x", "poolmq:mine:x", "other:{mine}:x", "x"]) {
      for (const words of [
        ["GET", key],
        ["SET", key, "1"],
        ["UNLINK", key],
        ["EVAL", "return redis.call('GET', KEYS[1])", "1", key],
        ["EVAL", "return redis.call('GET', ARGV[1])", "0", key],
      ] as const) {
        const [command, ...args] = words;
        expect(String(await rejection(connection.call(command, ...args))), words.join(" ")).toMatch(
          /NOPERM|permission|can't access/i,
        );
      }
    }
    const words =
      role === "worker"
        ? ["SUBSCRIBE", "poolmq:{other}:control"]
        : ["PUBLISH", "poolmq:{other}:control", "x"];
    const [command = "", ...args] = words;
    expect(String(await rejection(connection.call(command, ...args)))).toMatch(/NOPERM/);
  });
});

test("two tenants on one Redis see nothing of each other", async () => {
  const [mine, theirs] = [new Stage(redis()).queue, new Stage(redis()).queue];
  await using machine = await runWorker({
    module: TASKS,
    connection: await login(mine, "worker"),
    queue: mine,
    processes: 1,
  });
  await using pool = new Pool({ connection: await login(mine, "producer"), queue: mine });
  expect(await pool.map("increment", [1])).toEqual([2]);
  await using intruder = new Pool({ connection: await login(theirs, "producer"), queue: mine });
  expect(String(await rejection(intruder.map("increment", [1])))).toMatch(/NOPERM/);
  expect(String(await rejection(intruder.attach("m")))).toMatch(/NOPERM/);
  expect(machine.tasks).toHaveProperty("increment");
  const worker = await rejection(
    runWorker({
      module: TASKS,
      connection: await login(theirs, "worker"),
      queue: mine,
      processes: 1,
      connectTimeoutMs: 2_000,
    }),
  );
  expect(String(worker)).toMatch(/NOPERM/);
});

describe("poolmq acl", () => {
  test("prints lines that Redis takes, for a login each", async () => {
    const { code, output } = await runPoolmq(["acl", "--queue", "thumbs", "--prefix", "app"]);
    expect(code).toBe(0);
    const lines = output.trim().split("\n");
    expect(lines.map((line) => line.split(" ").slice(0, 5))).toEqual([
      ["ACL", "SETUSER", "thumbs-producer", "reset", ">CHANGE-ME"],
      ["ACL", "SETUSER", "thumbs-worker", "reset", ">CHANGE-ME"],
    ]);
    for (const line of lines) {
      expect(line).toContain(" ~app:{thumbs}:* resetchannels &app:{thumbs}:control -@all ");
      const [command = "", ...args] = line.split(" ");
      expect(await redis().admin.call(command, ...args)).toBe("OK");
    }
  });

  test("names a queue that can't be one", async () => {
    const { code, output } = await runPoolmq(["acl", "--queue", "a b"]);
    expect(code).toBe(2);
    expect(output).toContain("Expected `queue` to be");
  });
});

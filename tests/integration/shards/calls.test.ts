/** Kinds of calls on a queue that is spread over several Redis servers: they are as on one. */

import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/behaviours.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { atOnce } from "../../support/spans.ts";
import { Marks, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { runPoolmq } from "../../support/worker-program.ts";

const MODULE = new URL("../../fixtures/behaviours.ts", import.meta.url);

/** On a busy computer, each of a dozen commands and machines takes seconds to start. */
const LONG = { timeout: 120_000 };

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test("folds, streams, chunks that are shared, backup runs, shared values and limits", LONG, async () => {
  const servers = await Promise.all([RedisServer.start(), RedisServer.start()]);
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
  const stage = new Stage(servers[0]);
  const connection = servers.map((server) => server.urlFor("worker"));
  await Promise.all([0, 1].map(() => stage.machine({ module: MODULE, connection, processes: 2 })));
  const pool = stage.pool<typeof tasks>({
    tasks: MODULE,
    connection: servers.map((server) => server.urlFor("producer")),
  });
  await pool.ready(4);

  // A single item is known to the server on which it is, and costs the other one nothing.
  const held = new Marks();
  const call = pool.apply("gated", [{ log: held.log, gate: held.gate }]);
  await until(() => held.lines.length > 0, { what: "the call to run" });
  const known = await Promise.all(servers.map(({ admin }) => admin.exists(stage.keys.done(call.id))));
  expect(known.filter((is) => is === 1)).toHaveLength(1);
  held.open();
  await call;

  expect(await pool.mapReduce("increment", numbers(300), "add", { chunksize: 7 })).toBe(45_150);
  const letters = await pool.mapReduce("letter", numbers(26), "join", { ordered: true, chunksize: 3 });
  expect(numbers(26).map((at) => letters.charCodeAt(at) - 0x4e00)).toEqual(numbers(26));

  const stream: number[] = [];
  for await (const value of pool.imap("increment", numbers(200), { buffersize: 20 })) stream.push(value);
  expect(stream).toEqual(numbers(200).map((n) => n + 1));
  const some = new Set<number>();
  for await (const value of pool.imapUnordered("increment", numbers(200), { chunksize: 3 })) some.add(value);
  expect(some.size).toBe(200);

  // A chunk of slow items is cut, and its rest goes to whichever server.
  const marks = new Marks();
  const slow = numbers(100).map((x) => ({ log: marks.log, x, ms: 15, blocks: false }));
  const cut = pool.map("takesLong", slow, { chunksize: 100 });
  expect(await cut).toEqual(numbers(100).map((x) => x * 2));
  expect(cut.insights().processes.length).toBeGreaterThan(1);
  expect(marks.lines).toHaveLength(100);

  // A straggler is started once more, on its own server, where its other run is stopped.
  const hanging = new Marks();
  const items = numbers(12).map((x) => ({ log: hanging.log, x, hangs: x === 3 || x === 8 }));
  const speculated = pool.map("hangsAtFirst", items, { chunksize: 1, speculate: { minMs: 500 } });
  expect(await speculated).toEqual(numbers(12).map((x) => x * 2));
  expect(speculated.insights().backups.won).toBeGreaterThanOrEqual(2);
  await until(() => hanging.lines.filter((line) => /stopped/.test(line)).length >= 2, {
    what: "the first runs to stop",
  });

  const shared = await pool.share({ weights: [1, 2] });
  const seen = await pool.starmap(
    "seesShared",
    numbers(40).map((n) => [shared, n] as const),
    { chunksize: 2 },
  );
  expect(seen.map(([index]) => index)).toEqual(numbers(40));

  const limit = { key: "service", concurrency: 2 };
  const spans = await Promise.all([
    pool.map("span", Array<number>(6).fill(10), { limit }),
    pool.map("span", Array<number>(6).fill(10), { limit, mapId: "limited", keepMs: 60_000 }),
  ]);
  expect(atOnce(spans.flat())).toBe(2);
});

test("the failed items of a durable map run again, also after a server was added", LONG, async () => {
  const servers = await Promise.all([RedisServer.start(), RedisServer.start(), RedisServer.start()]);
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
  const stage = new Stage(servers[0]);
  const urls = (role: "producer" | "worker", count: number): string[] =>
    servers.slice(0, count).map((server) => server.urlFor(role));
  const old = await stage.machine({ module: MODULE, connection: urls("worker", 2) });
  const pool = stage.pool<typeof tasks>({ connection: urls("producer", 2) });
  await pool.ready(1);
  const marks = new Marks();
  const calls = numbers(12).map((x) => ({ log: `${marks.log}-${x}`, runs: x % 3 === 0 ? 3 : 1 }));
  const options = { mapId: "kept", keepMs: 60_000, chunksize: 1 } as const;
  const first = pool.map("failsUntil", calls, options);
  expect((await first.settled()).filter(({ status }) => status === "rejected")).toHaveLength(4);
  const retry = async (count: number): Promise<unknown> => {
    const redis = servers.slice(0, count).flatMap(({ url }) => ["--redis", url]);
    const { code, output } = await runPoolmq(["retry", "kept", "-q", stage.queue, "--json", ...redis]);
    expect(code, output).toBe(0);
    return JSON.parse(output);
  };
  expect(await retry(2)).toMatchObject({ items: 4 });
  expect((await pool.attach("kept").settled()).filter(({ status }) => status === "rejected")).toHaveLength(4);

  const change = async (): Promise<void> => {
    const redis = servers.flatMap(({ url }) => ["--redis", url]);
    const { code, output } = await runPoolmq(["shards", "-q", stage.queue, ...redis]);
    expect(code, output).toBe(0);
  };
  await change();
  await stage.machine({ module: MODULE, connection: urls("worker", 3) });
  await old.close();
  const young = stage.pool<typeof tasks>({ connection: urls("producer", 3) });
  await young.ready(1);
  await change();
  // Its jobs are on the servers over which it was spread when it began.
  expect(await retry(3)).toMatchObject({ items: 4 });
  expect(await young.attach("kept")).toHaveLength(12);
  const again = young.map("failsUntil", calls, { ...options, mapId: "new" });
  expect(await again).toHaveLength(12);
});

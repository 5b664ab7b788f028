/** The commands, on a queue that is spread over two or three Redis servers. */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";

import type * as watchedTasks from "../../fixtures/watched-tasks.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, temporaryFolder } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { runPoolmq } from "../../support/worker-program.ts";

interface Seen {
  readonly jobs: { readonly waiting: number; readonly active: number };
  readonly maps: readonly { readonly id: string; readonly state: string; readonly running: number }[];
  readonly machines: readonly { readonly id: string; readonly processes: number }[];
  readonly shards: readonly { readonly answers: boolean }[];
  readonly paused: boolean;
}

test(
  "see and change one queue, and hide nothing of it when a server does not answer",
  { timeout: 90_000 },
  async () => {
    const servers = await Promise.all([RedisServer.start(), RedisServer.start()]);
    for (const server of servers) onTestFinished(() => server.stop());
    const stage = new Stage(servers[0]);
    const machine = await stage.machine({ connection: servers.map((server) => server.urlFor("worker")) });
    const run = async (...args: readonly string[]): Promise<unknown> => {
      const redis = servers.flatMap((server) => ["--redis", server.url]);
      const { code, output } = await runPoolmq([...args, "-q", stage.queue, "--json", ...redis]);
      expect(code, output).toBe(0);
      return JSON.parse(output.slice(output.search(/^[[{]/m)));
    };
    const look = async (): Promise<Seen> => (await run("status")) as Seen;

    const pool = stage.pool({ connection: servers.map((server) => server.urlFor("producer")) });
    const marks = new Marks();
    const calls = Array.from({ length: 8 }, () => ({ log: marks.log, gate: marks.gate }));
    const map = pool.map("gated", calls, { chunksize: 1 });
    await marks.started(1);
    const seen = await until(
      async () => {
        const view = await look();
        return view.maps.length === 1 && view.jobs.waiting + view.jobs.active === 8 ? view : undefined;
      },
      { what: "the map to be told of", timeoutMs: 30_000 },
    );
    expect(seen.maps).toMatchObject([{ id: map.id, state: "running" }]);
    expect(seen.machines).toMatchObject([{ id: machine.id, processes: 1 }]);
    expect(seen.shards).toMatchObject([{ answers: true }, { answers: true }]);
    expect(await run("scale-signal")).toMatchObject({ backlog: 8, machines: 1, slots: 1 });

    await run("pause");
    expect(await look()).toMatchObject({ paused: true });
    await run("resume");
    expect(await look()).toMatchObject({ paused: false });

    const cancelled = rejection(map);
    expect(await run("cancel", map.id)).toMatchObject({ cancelled: true, byProducer: true });
    expect(await cancelled).toMatchObject({ code: "CANCELLED" });

    await servers[1].kill();
    const without = await look();
    expect(without.machines).toMatchObject([{ id: machine.id }]);
    expect(without.shards.filter(({ answers }) => !answers)).toHaveLength(1);
    await run("drain", machine.id);
    await machine.closed;
  },
);

const WATCHED = new URL("../../fixtures/watched-tasks.ts", import.meta.url);

/** Items that fail: so many that each of three servers has some of them. */
const FAILING = 20;

/** A machine, as `poolmq workers --json` shows it. */
interface Shown {
  readonly id: string;
  readonly children: readonly {
    readonly pid: number;
    readonly running: readonly { readonly mapId: string; readonly index: number }[];
  }[];
}

test(
  "find each map, item and process on whichever of three servers it is, also while one is dead",
  { timeout: 120_000 },
  async () => {
    const settings = { appendonly: "yes", appendfsync: "always" } as const;
    const servers = await Promise.all([0, 1, 2].map(() => RedisServer.start({ settings })));
    onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
    const [first, , third] = servers;
    if (first === undefined || third === undefined) throw new Error("no servers");
    const stage = new Stage(first);
    const told: string[] = [];
    const logger = pino({ level: "warn" }, { write: (line: string) => void told.push(line) });
    const connection = servers.map((server) => server.urlFor("worker"));
    await stage.machine({ module: WATCHED, connection, concurrency: 4, logger });
    const pool = stage.pool<typeof watchedTasks>({
      connection: servers.map((server) => server.urlFor("producer")),
    });
    const run = async (...args: readonly string[]) => {
      const redis = servers.flatMap(({ url }) => ["-r", url]);
      const { code, output } = await runPoolmq([...args, "-q", stage.queue, ...redis]);
      return { code, output };
    };
    const workers = async (): Promise<readonly Shown[]> => {
      const { output } = await run("workers", "--json");
      return JSON.parse(output.slice(output.search(/^\[/m))) as readonly Shown[];
    };

    const gate = `${temporaryFolder()}/gate`;
    const steps = Array.from({ length: FAILING + 3 }, (_, x) => {
      return { does: x < FAILING ? "fail" : "end", x, gate } as const;
    });
    const failing = Array.from({ length: FAILING }, (_, x) => x);
    await rejection(pool.map("step", steps, { mapId: "nightly", chunksize: 1 }));
    const lying = await Promise.all(
      servers.map(async ({ admin }) => (await admin.hkeys(stage.keys.failed("nightly"))).map(Number)),
    );
    expect(lying.flat().toSorted((a, b) => a - b)).toEqual(failing);
    const [here, , there] = lying.map((items) => items[0]);
    expect((await run("errors", "nightly")).output).toContain(`items ${failing.join(", ")}`);
    const replay = async (index: number | undefined) =>
      await run("replay", "nightly", String(index), "-t", fileURLToPath(WATCHED));
    expect(await replay(there)).toMatchObject({ code: 1, output: expect.stringContaining(`row ${there}`) });

    // The orders to a machine, on all servers and on those that are left.
    const waits = Array.from({ length: 30 }, (_, x) => ({ does: "wait", x, gate }) as const);
    const map = pool.map("step", waits, { chunksize: 1 });
    const orders = async (priority: string): Promise<void> => {
      const busy = async (): Promise<Shown | undefined> => {
        const [machine] = await workers();
        return machine?.children.some(({ running }) => running.length > 0) === true ? machine : undefined;
      };
      const { id, children } = await until(busy, { what: "the machine to be busy", timeoutMs: 30_000 });
      const [child] = children;
      expect(await run("priority", map.id, priority)).toMatchObject({ code: 0 });
      expect(await run("stack", id, String(child?.pid))).toMatchObject({ code: 0 });
      expect(await run("kill-item", map.id, String(child?.running[0]?.index))).toMatchObject({ code: 0 });
    };
    await orders("1");
    // The machine heard of it on three servers, and logs it once.
    expect(told.filter((line) => line.includes(`gave the map ${map.id} the priority 1`))).toHaveLength(1);
    await third.kill();
    await orders("none");

    expect((await run("errors", "nightly")).output).toContain(`items ${failing.join(", ")}`);
    expect(await replay(here)).toMatchObject({ code: 1, output: expect.stringContaining(`row ${here}`) });
    // It is not known whether it failed.
    expect(await replay(there)).toMatchObject({
      code: 1,
      output: expect.stringContaining(`Item ${there} of nightly may be on ${third.url}`),
    });
    writeFileSync(gate, "");
    expect(await map).toHaveLength(30);
    const left = FAILING - (lying[2]?.length ?? 0);
    expect((await run("retry", "nightly")).output).toContain(`${left} items of nightly run again`);
    await third.restart();
    const rest = FAILING - left;
    const rerun = async (): Promise<boolean> =>
      (await run("retry", "nightly")).output.includes(`${rest} ${rest === 1 ? "item" : "items"} of nightly`);
    await until(rerun, { what: "what was on the server that was away to run again", timeoutMs: 30_000 });
    expect(await pool.attach("nightly")).toEqual(steps.map(({ x }) => x));
  },
);

/** The commands, on a queue that is spread over two Redis servers. */

import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
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

/** The bad night of docs/operations.md: what its operator does, with the same commands, on real processes. */

import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { Watched } from "../../support/watched.ts";
import { runPoolmq, startWorker } from "../../support/worker-program.ts";

const redis = redisForFile();
const MODULE = fileURLToPath(Watched.module);

class Night extends Watched {
  constructor() {
    super(redis());
  }

  run(...args: string[]): ReturnType<typeof runPoolmq> {
    return runPoolmq([...args, "-q", this.queue, "-r", redis().url]);
  }

  async worker(): Promise<Program> {
    const program = startWorker(MODULE, { url: redis().url, queue: this.queue }, ["-p", "1"]);
    await program.line(/worker machine ready/);
    return program;
  }
}

describe("a bad night", () => {
  test("a poison deploy is found, held up, mended, and its failed items run again", async () => {
    const stage = new Night();
    const first = await stage.worker();
    const pool = stage.client();
    await rejection(pool.map("step", stage.steps("fail", "fail", "end"), { mapId: "nightly" }));
    await stage.map("nightly", ({ retriable }) => retriable);
    expect((await stage.run("doctor")).output).toMatch(
      /warn +failed maps +1 map is kept because items failed/,
    );
    expect((await stage.run("errors", "nightly")).output).toContain(
      "2 × RangeError: e.g. row 0 is not there",
    );
    expect((await stage.run("logs", "--map", "nightly")).output).toMatch(
      /step\[0\] of nightly +item threw +error=RangeError/,
    );
    expect(await stage.run("pause")).toMatchObject({ code: 0 });
    first.kill("SIGTERM");
    await first.exited;
    stage.marks.open(); // the deploy that mends it
    await stage.worker();
    expect(await stage.run("resume")).toMatchObject({ code: 0 });
    expect(await stage.run("retry", "nightly")).toMatchObject({ code: 0 });
    expect(await pool.attach("nightly")).toEqual([0, 1, 2]);
  });

  test("a machine is lost, and another one takes over what it ran", async () => {
    const stage = new Night();
    const lost = await stage.worker();
    const map = stage.client().map("step", stage.steps("wait"));
    await until(async () => (await stage.watcher.read()).jobs.active === 1, { what: "it to run" });
    await stage.worker();
    lost.kill("SIGKILL");
    await lost.exited;
    await until(
      async () => {
        const [only, ...others] = (await stage.watcher.read()).machines;
        return others.length === 0 && only?.children?.[0]?.running[0]?.mapId === map.id;
      },
      { what: "the other machine to take over", everyMs: 100 },
    );
    const { output } = await stage.run("workers");
    expect(output).toContain(`step 0 of ${map.id}`);
    expect(output.match(/ poolmq /g)).toHaveLength(1);
    stage.marks.open();
    expect(await map).toEqual([0]);
  });

  test("a full Redis can be looked at, says what it refuses, and room is made in it", async () => {
    const stage = new Night();
    await using orphan = Program.source(`
      import { Pool } from "@poolmq/producer";
      const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
      const map = pool.map("step", Array.from({ length: 50 }, () => ({ does: "end", x: 1, gate: "" })));
      console.log("id", map.id);
    `);
    const [, dead = ""] = await orphan.line(/id (\S+)/);
    await stage.map(dead, ({ running }) => running === 50);
    orphan.kill("SIGKILL");
    await orphan.exited;
    await stage.age(dead, 11_000);
    await redis().admin.config("SET", "maxmemory", "1kb");
    const [doctor, status, logs, pause] = await Promise.all(
      ["doctor", "status", "logs", "pause"].map((command) => stage.run(command)),
    );
    expect(doctor).toMatchObject({
      code: 1,
      output: expect.stringMatching(/bad +memory +\d+ % of maxmemory is in use/) as string,
    });
    expect(status?.output).toContain(dead);
    expect(logs).toMatchObject({ code: 0 });
    expect(pause).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^poolmq: .*its memory is full/) as string,
    });
    expect(await stage.run("purge")).toEqual({ code: 0, output: `${dead}: 50 jobs removed\n` });
    // A machine that starts only now is seen too.
    const machine = stage.workers();
    await until(async () => (await stage.watcher.read()).machines.length === 1, {
      what: "the machine to be seen",
    });
    await redis().admin.config("SET", "maxmemory", "0");
    await machine;
    expect((await stage.run("doctor")).code).toBe(0);
  });
});

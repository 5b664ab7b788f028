import { describe, expect, test } from "vitest";

import { queueKeys } from "@poolmq/shared/redis";

import { BEHAVIOURS } from "../support/both-pools.ts";
import { descendantsOf, isRunning, Program } from "../support/processes.ts";
import { redisForFile } from "../support/redis-server.ts";
import { uniqueQueue } from "../support/unique.ts";
import { until, within } from "../support/until.ts";

const redis = redisForFile();
const PROGRAM = new URL("../fixtures/leaves-a-stream.ts", import.meta.url);

describe("an endless input, read 1,000 deep and left, in a pool that nobody closes", () => {
  test("Pool: leaves no job, no stream, no process; the program ends by itself", async () => {
    const queue = uniqueQueue();
    const keys = queueKeys(queue);
    await using program = Program.file(PROGRAM, { args: ["Pool", redis().url, queue] });
    await program.line(/read 1000/);
    const workers = descendantsOf(program.pid);
    expect(await within(10_000, "the program to end", program.exited)).toMatchObject({ code: 0 });
    await until(() => !workers.some(isRunning), { what: "the workers to end" });
    const left = await redis().admin.keys(keys.pattern);
    // What BullMQ keeps of a queue for good (the stream is of its events, a short one), the list of machines, and for ten
    // minutes what a map that took longer than a second told of itself.
    const ofQueue = ["meta", "id", "events", "stalled-check"].map((name) => keys.job(name));
    const expected = new Set([
      ...ofQueue,
      keys.workers,
      keys.cancelled,
      keys.workerInfo,
      keys.maps,
      keys.mapInfo,
    ]);
    expect(left.filter((key) => !expected.has(key))).toEqual([]);
    for (const key of [keys.maps, keys.mapInfo]) expect(await redis().admin.pttl(key), key).not.toBe(-1);
  });

  test("ThreadPool: leaves no thread, no timer; the program ends by itself", async () => {
    await using program = Program.file(PROGRAM, { args: ["ThreadPool"] });
    await program.line(/read 1000/);
    expect(await within(10_000, "the program to end", program.exited)).toMatchObject({ code: 0 });
    expect(program.output).toBe("read 1000\n");
  });
});

describe("a ThreadPool that was", () => {
  test.for(["close() and join()", "terminate()", "nothing, and was used", "nothing, and never used"])(
    "ended by %s does not keep the process alive, and leaves no handle open",
    async (how) => {
      await using program = Program.source(`
        import { ThreadPool } from "@poolmq/producer";
        const pool = new ThreadPool({ tasks: ${JSON.stringify(BEHAVIOURS.href)}, threads: 2 });
        const how = ${JSON.stringify(how)};
        if (!how.endsWith("never used")) console.log(await pool.map("increment", [1, 2]));
        if (how === "close() and join()") { pool.close(); await pool.join(); }
        if (how === "terminate()") {
          const spinning = pool.map("impatient", [undefined], { taskTimeoutMs: 100_000 });
          await pool.terminate();
          console.log((await spinning.catch((error) => error)).code);
        }
        if (!how.startsWith("nothing")) {
          const open = () => process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|Immediate)/.test(name));
          // A port that was closed is there for some turns of the event loop more.
          const latest = performance.now() + 2_000;
          while (open().length > 0 && performance.now() < latest) await new Promise((resolve) => setImmediate(resolve));
          if (open().length > 0) console.log("open", open());
        }
      `);
      expect(await within(10_000, "the program to end", program.exited)).toMatchObject({ code: 0 });
      const used = how.endsWith("never used") ? "" : "[ 2, 3 ]\n";
      expect(program.output).toBe(used + (how === "terminate()" ? "CANCELLED\n" : ""));
    },
  );
});

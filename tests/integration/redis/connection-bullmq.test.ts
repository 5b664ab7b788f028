/** BullMQ on our connections: it duplicates them, and must get what they promise. */

import { resolveConnection } from "@poolmq/shared/internal";
import { connect, destroyConnection } from "@poolmq/shared/redis";
import { Queue, Worker } from "bullmq";
import { expect, onTestFinished, test, vi } from "vitest";

import { Program } from "../../support/processes.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { uniqueQueue } from "../../support/unique.ts";

async function startQueue(server: RedisServer): Promise<{ queue: Queue; done: string[] }> {
  const resolved = resolveConnection(server.url);
  if (!resolved) throw new Error("No URL");
  const connection = await connect(resolved, { role: "commands" });
  const name = uniqueQueue();
  const queue = new Queue(name, { connection });
  const done: string[] = [];
  const worker = new Worker(name, async ({ name: job }) => done.push(job), { connection });
  // Without a listener BullMQ throws; what is lost during an outage is expected here.
  queue.on("error", () => undefined);
  worker.on("error", () => undefined);
  onTestFinished(async () => {
    await worker.close(true);
    await queue.close();
    destroyConnection(connection);
  });
  await worker.waitUntilReady();
  return { queue, done };
}

test("a Worker goes on after Redis was away, a Queue adds what it was given meanwhile", async () => {
  const noise = [vi.spyOn(console, "error"), vi.spyOn(console, "warn")];
  await using server = await RedisServer.start({ settings: { appendonly: "yes", appendfsync: "always" } });
  const { queue, done } = await startQueue(server);
  await queue.add("before", {});
  await expect.poll(() => done).toEqual(["before"]);
  await server.kill();
  const adding = queue.add("during", {});
  await server.restart();
  await adding;
  await queue.add("after", {});
  await expect.poll(() => done, { timeout: 10_000 }).toEqual(["before", "during", "after"]);
  for (const spy of noise) expect(spy).not.toHaveBeenCalled();
});

test("a Queue on an unref’d connection does not keep the process alive", async () => {
  await using server = await RedisServer.start();
  await using program = Program.source(
    `import { resolveConnection } from "@poolmq/shared/internal";
     import { connect, unrefConnection } from "@poolmq/shared/redis";
     import { Queue } from "bullmq";
     const connection = await connect(resolveConnection(process.argv[1]), { role: "commands" });
     unrefConnection(connection);
     const held = setInterval(() => undefined, 1_000);
     const queue = new Queue("q", { connection });
     await queue.add("job", {});
     clearInterval(held);
     console.log("end");`,
    { args: [server.url] },
  );
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.output.trim()).toBe("end");
});

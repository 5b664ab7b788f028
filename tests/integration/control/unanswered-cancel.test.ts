import { MapControl } from "@poolmq/worker/control";
import { expect, onTestFinished, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Watched } from "../../support/watched.ts";

const redis = redisForFile();

test("a cancel that the producer did not answer is taken back: a program that attaches later gets the results", async () => {
  const stage = new Watched(redis());
  const control = new MapControl(redis().admin, stage);
  onTestFinished(() => control.close());
  await stage.workers();
  await using producer = Program.source(`
    import { Pool } from "@poolmq/producer";
    const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
    await pool.map("step", ${JSON.stringify(stage.steps("end", "wait"))}, { mapId: "m" });
  `);
  await stage.map("m", ({ done }) => done === 1);
  producer.kill("SIGKILL");
  await producer.exited;
  expect(await control.cancel("m", "wrong input")).toBe("no answer");
  stage.marks.open();
  expect(await stage.client().attach("m")).toEqual([0, 1]);
});

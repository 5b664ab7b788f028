import { expect, test } from "vitest";

import type * as values from "../../fixtures/value-tasks.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const MODULE = new URL("../../fixtures/value-tasks.ts", import.meta.url);

async function memoryOf(server: RedisServer, figure: "used_memory" | "used_memory_peak"): Promise<number> {
  return Number(new RegExp(`^${figure}:(\\d+)`, "m").exec(await server.admin.info("memory"))?.[1]);
}

test("results of many times Redis's share pass through it, and it stays small", async () => {
  await using server = await RedisServer.start();
  const stage = new Stage(server);
  await stage.machine({ module: MODULE });
  const pool = stage.pool<typeof values>({ window: 50 });
  await pool.map("text", [1]);
  const [count, size] = [3_000, 20_000];
  await server.admin.config("RESETSTAT");
  const before = await memoryOf(server, "used_memory");
  let received = 0;
  for await (const text of pool.imapUnordered(
    "text",
    Array.from({ length: count }, () => size),
  ))
    received += text.length;
  expect(received).toBe(count * size); // 60 MB
  expect((await memoryOf(server, "used_memory_peak")) - before).toBeLessThan((count * size) / 3);
  pool.close();
  await pool.join();
  // Redis gives the memory of what is unlinked back in a thread of its own.
  await until(async () => (await memoryOf(server, "used_memory")) - before < 5_000_000, {
    what: "its memory",
  });
});

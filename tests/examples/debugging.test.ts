/** The commands of docs/debugging.md are taken from its text and sent to a running queue. */

import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { redisForFile } from "../support/redis-server.ts";
import { Marks, Stage, rejection } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = readFileSync(new URL("docs/debugging.md", ROOT), "utf8");
const redis = redisForFile();

/** The arguments of each `redis-cli` line, quotes taken off. */
function commands(): string[][] {
  return [...PAGE.matchAll(/^(?:\$ )?redis-cli ([A-Z].*)$/gm)].map(([, line = ""]) =>
    [...line.matchAll(/'[^']*'|"[^"]*"|\S+/g)].map(([word]) => word.replaceAll(/['"]/g, "")),
  );
}

test("every key that the page looks at is there while its map runs, and every command is one", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool();
  const first = await stage.machine();
  await rejection(pool.map("fail", [1], { mapId: "nightly-7" }));
  await first.close();
  // Has not seen yet how short tasks may be: it fetches none ahead, and the others stay in `wait`.
  await stage.machine();
  const marks = new Marks();
  const call = { log: marks.log, gate: marks.gate };
  const map = pool.map("gated", [call, call, call, call]);
  await marks.started(1);

  expect(commands().length).toBeGreaterThan(12);
  const removed = new Set<string>();
  for (const [command = "", ...args] of commands()) {
    const words = args.map((word) => word.replace("{debug}", `{${stage.queue}}`).replace("$map", map.id));
    const [key] = words;
    if (command === "DEL" && key !== undefined) removed.add(key);
    if (key !== undefined && removed.has(key) && command === "EXISTS")
      await until(async () => (await redis().admin.exists(key)) === 1, {
        what: "the removed job to be enqueued again",
      });
    // A map has a list of its own only while it shares the queue with others, and a machine that works is not idle.
    const isThere = key !== undefined && !/:(stage|idle)$/.test(key);
    if (isThere) expect(await redis().admin.exists(key), `${command} ${key}`).toBe(1);
    await redis().admin.call(command, ...words);
  }
  marks.open();
  expect(await map).toHaveLength(4);
});

test("the messages and codes that the page looks for stand in the sources", () => {
  const quoted = [...PAGE.matchAll(/git grep '("[^"]+")'/g)].map(([, text = ""]) => text);
  expect(quoted).toHaveLength(2);
  const sources = globSync("packages/*/src/**/*.ts", { cwd: ROOT }).map((file) =>
    readFileSync(new URL(file, ROOT), "utf8"),
  );
  expect(quoted.filter((text) => !sources.some((source) => source.includes(text)))).toEqual([]);
});

/** See README.md beside this file for when to change the golden files. */

import { readFileSync } from "node:fs";

import { WIRE_VERSION } from "@poolmq/shared/internal";
import { runWorker } from "@poolmq/worker";
import { test } from "vitest";

import { expectGolden, opened, openedPayload, type Masks } from "../support/golden.ts";
import { redisForFile } from "../support/redis-server.ts";
import { Marks, rejection, Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();

/** Variables for a child that make it write down what crosses its pipe. */
function tee(log: string): Record<string, string> {
  const preload = new URL("../fixtures/tee-pipe.ts", import.meta.url).href;
  return { NODE_OPTIONS: `--import=${preload}`, TEE_LOG: log };
}

/** The lines that crossed the pipe, each way, with the header and the text behind it apart. */
function linesOf(log: string): { to: unknown[]; from: unknown[] } {
  const texts = { to: "", from: "" };
  for (const line of readFileSync(log, "utf8").split("\n").slice(0, -1)) {
    const [direction, text] = JSON.parse(line) as ["to" | "from", string];
    texts[direction] += text;
  }
  const split = (text: string): unknown[] =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [header = "", ...rest] = line.split("\t");
        const { rss: _, ...read } = JSON.parse(header) as { readonly t: string; readonly rss?: number };
        // The text behind it is an outcome, what was thrown, or arguments.
        return [read, ...rest.map(read.t === "unfit" ? openedPayload : opened)];
      });
  return { to: split(texts.to), from: split(texts.from) };
}

const MODULE = new URL("../fixtures/contract-tasks.ts", import.meta.url);
const MASKS: Masks = [[/"ms": [\d.]+/g, '"ms": "<ms>"']];

test("pipe", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const tap = new Marks();
  const machine = await stage.machine({ module: MODULE, env: tee(tap.log) });
  const pool = stage.pool();
  const one = pool.map("echo", [1]);
  await one;
  const chunk = pool.starmap(
    "add",
    [
      [1, 2],
      [3, 4],
    ],
    { chunksize: 2 },
  );
  await chunk;
  const failing = (pool as unknown as { starmap(task: string, tuples: unknown[]): typeof one }).starmap(
    "fail",
    [[]],
  );
  await rejection(failing);
  // Sent to be stopped: its machine closes only after it has ended.
  const other = stage.pool();
  const stopped = other.map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  await other.terminate();
  await until(() => linesOf(tap.log).to.length === 5, { what: "the abort to be sent" });
  marks.open();
  await until(() => linesOf(tap.log).from.length === 9, { what: "the task to end" });
  await machine.close();
  await expectGolden("pipe", { WIRE_VERSION, ...linesOf(tap.log) }, [
    ...[one, chunk, failing, stopped].map(({ id }, index) => [id, `<map ${index}>`] as const),
    [marks.log, "<log>"],
    [marks.gate, "<gate>"],
    [machine.id, "<worker>"],
    ...MASKS,
  ]);
});

test("pipe of a child that is unfit", async () => {
  const tap = new Marks();
  const module = new URL("../fixtures/unfit.ts", import.meta.url);
  await rejection(runWorker({ module, connection: redis().url, processes: 1, env: tee(tap.log) }));
  await expectGolden("pipe-unfit", { WIRE_VERSION, ...linesOf(tap.log) }, MASKS);
});

test("pipe of a chunk that took a child down before", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const tap = new Marks();
  const machine = await stage.machine({ module: MODULE, env: tee(tap.log) });
  const result = stage.pool().map(
    "gated",
    [
      { log: marks.log, gate: marks.gate },
      { log: marks.log, gate: marks.gate },
    ],
    {
      chunksize: 2,
    },
  );
  const [pid] = await marks.started(1);
  process.kill(Number(pid), "SIGKILL");
  await marks.started(2);
  marks.open();
  await result;
  await expectGolden("pipe-careful", { WIRE_VERSION, ...linesOf(tap.log) }, [
    [result.id, "<map>"],
    [marks.log, "<log>"],
    [marks.gate, "<gate>"],
    [machine.id, "<worker>"],
    ...MASKS,
  ]);
});

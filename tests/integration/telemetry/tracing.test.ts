import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, onTestFinished, test } from "vitest";

import type { WrittenSpan } from "../../fixtures/open-telemetry.ts";
import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { temporaryFolder } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { within } from "../../support/until.ts";

const redis = redisForFile();
const SETUP = fileURLToPath(new URL("../../fixtures/open-telemetry.ts", import.meta.url));
const METRICS = fileURLToPath(new URL("../../fixtures/open-telemetry-metrics.ts", import.meta.url));
const TASKS = fileURLToPath(new URL("../../fixtures/traced-tasks.ts", import.meta.url));

/** OpenTelemetry's numbers. */
const KIND = { producer: 3, consumer: 4 };
const STATUS = { unset: 0, error: 2 };

/** Runs the body of a producer, with OpenTelemetry preloaded; gives the spans of all its processes, and what it printed. */
async function traced(
  body: string,
  { kind = "Pool", options = "" }: { kind?: "Pool" | "ThreadPool"; options?: string } = {},
): Promise<{ spans: WrittenSpan[]; output: string; queue: string }> {
  const file = join(temporaryFolder(), "spans");
  const queue = uniqueQueue();
  const workers =
    kind === "Pool"
      ? `processes: 2, connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(queue)}`
      : "threads: 2";
  const program = Program.source(
    `
    import { trace } from "@opentelemetry/api";
    import { ${kind} } from "@poolmq/producer";
    import { flushTelemetry } from "@poolmq/shared/task";
    const pool = new ${kind}({ tasks: ${JSON.stringify(TASKS)}, ${workers}, ${options} });
    ${body}
    await pool.close();
    await pool.join();
    await flushTelemetry();`,
    { execArgv: ["--import", SETUP], env: { POOLMQ_TASK_SPANS: file, QUEUE: queue } },
  );
  onTestFinished(() => program[Symbol.asyncDispose]());
  const { code } = await within(20_000, "the producer's end", program.exited);
  expect(code, program.output).toBe(0);
  return { spans: readSpans(file), output: program.output, queue };
}

function readSpans(file: string): WrittenSpan[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as WrittenSpan);
  } catch {
    return [];
  }
}

const IN_A_CALLERS_SPAN = (call: string): string => `
  await trace.getTracer("app").startActiveSpan("caller", async (span) => {
    await ${call}.settled();
    span.end();
  });`;

describe.each(["Pool", "ThreadPool"] as const)("%s", (kind) => {
  test.each([1, 2])(
    "a caller's span, the map's, the items' and the tasks' own are one trace (chunks of %i)",
    async (chunksize) => {
      const call = `pool.map("traced", [1, -2, 3], { chunksize: ${chunksize} })`;
      // With a second one that is idle, a chunk that takes long to begin on a busy computer would be cut in two.
      const options = kind === "Pool" ? "processes: 1" : "threads: 1";
      const { spans, queue } = await traced(IN_A_CALLERS_SPAN(call), { kind, options });
      const named = (name: string): WrittenSpan[] => spans.filter((span) => span.name === name);
      const [caller] = named("caller");
      const [map] = named("map traced");
      const items = named("process traced").toSorted((a, b) => indexOf(a) - indexOf(b));
      const own = named("inner");
      expect(spans).toHaveLength(8);
      expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);

      expect(map).toMatchObject({ parentSpanId: caller?.spanId, kind: KIND.producer });
      expect(map?.attributes).toEqual({
        ...(kind === "Pool"
          ? {
              "bullmq.queue.name": queue,
              "messaging.system": "bullmq",
              "messaging.destination.name": queue,
              "messaging.operation.name": "map",
              "messaging.operation.type": "send",
              "messaging.batch.message_count": Math.ceil(3 / chunksize),
            }
          : {}),
        "error.type": "items_failed",
        "bullmq.queue.operation": "addBulk",
        "bullmq.job.name": "traced",
        "bullmq.job.bulk.count": Math.ceil(3 / chunksize),
        "poolmq.map.id": expect.any(String),
        "poolmq.map.items": 3,
        "poolmq.map.failed": 1,
      });
      expect(map?.status).toEqual({ code: STATUS.error, message: "1 of 3 items failed" });

      expect(items.map(indexOf)).toEqual([0, 1, 2]);
      for (const [index, item] of items.entries()) {
        expect(item).toMatchObject({ parentSpanId: map?.spanId, kind: KIND.consumer });
        expect(item.attributes).toEqual({
          ...(kind === "Pool"
            ? {
                "messaging.system": "bullmq",
                "messaging.destination.name": queue,
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.message.id": item.attributes["bullmq.job.id"],
              }
            : {}),
          ...(index === 1 ? { "error.type": "RangeError" } : {}),
          "bullmq.queue.operation": "process",
          "bullmq.job.name": "traced",
          "bullmq.job.id": `${String(map?.attributes["poolmq.map.id"])}-${index - (index % chunksize)}`,
          "bullmq.job.attempts.made": 0,
          "bullmq.worker.id": expect.any(String),
          "poolmq.map.id": map?.attributes["poolmq.map.id"],
          "poolmq.item.index": index,
          "poolmq.item.waited_ms": expect.any(Number),
        });
        // Both processes read the same clock. The pool's workers start meanwhile, so it waits for more than nothing.
        const waitedMs = Number(item.attributes["poolmq.item.waited_ms"]);
        expect(waitedMs).toBeGreaterThan(0);
        expect(waitedMs).toBeLessThan(600_000);
        const isOther = kind === "Pool" ? item.pid !== caller?.pid : !item.isMainThread;
        expect(isOther).toBe(true);
      }
      expect(items.map(({ status }) => status.code)).toEqual([STATUS.unset, STATUS.error, STATUS.unset]);
      expect(items.map(({ exceptions }) => exceptions)).toEqual([0, 1, 0]);
      expect(items[1]?.status.message).toBe("-2 is negative");
      expect(new Set(own.map(({ parentSpanId }) => parentSpanId))).toEqual(
        new Set(items.map(({ spanId }) => spanId)),
      );
    },
  );
});

function indexOf(item: WrittenSpan): number {
  return Number(item.attributes["poolmq.item.index"]);
}

test("with `itemSpans: 0`, neither items nor what their tasks do leave spans", async () => {
  const { spans } = await traced(IN_A_CALLERS_SPAN(`pool.map("traced", [1, 2])`), {
    options: "telemetry: { itemSpans: 0 }",
  });
  expect(spans.map(({ name }) => name).sort()).toEqual(["caller", "map traced"]);
});

test("with a signing key, the trace that a job carries is signed, and the job passes, again and again", async () => {
  const call = `pool.map("traced", [1, -2, 3], { attempts: 2, chunksize: 3 })`;
  const options = `signingKey: "of the tests, and of nobody else at all"`;
  const { spans } = await traced(IN_A_CALLERS_SPAN(call), { options });
  expect(spans.filter(({ name }) => name === "map traced")).toHaveLength(1);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  // A second run follows the first one: the time since the job was enqueued would be no wait.
  const runs = spans.filter(({ name }) => name === "process traced");
  expect(
    runs
      .map(({ attributes }) => [
        Number(attributes["bullmq.job.attempts.made"]),
        "poolmq.item.waited_ms" in attributes,
      ])
      .toSorted(([a], [b]) => Number(a) - Number(b)),
  ).toEqual([
    [0, true],
    [0, true],
    [0, true],
    [1, false],
  ]);
});

test("with `telemetry: false` the tasks' own spans are traces of their own", async () => {
  const { spans } = await traced(IN_A_CALLERS_SPAN(`pool.map("traced", [1])`), {
    options: "telemetry: false",
  });
  expect(new Map(spans.map(({ name, parentSpanId }) => [name, parentSpanId]))).toEqual(
    new Map([
      ["caller", undefined],
      ["inner", undefined],
    ]),
  );
});

test("a map that was cancelled says so in its span, which ends", async () => {
  const { spans } = await traced(`
    const map = pool.map("traced", [1]);
    map.cancel(new Error("enough"));
    await map.settled();`);
  const map = spans.find(({ name }) => name === "map traced");
  expect(map).toMatchObject({ status: { code: STATUS.error }, exceptions: 1 });
});

test("without OpenTelemetry, jobs carry no trace, and its API is not loaded", async () => {
  const program = Program.source(`
    import { createRequire } from "node:module";
    import { ThreadPool } from "@poolmq/producer";
    await using pool = new ThreadPool({ tasks: ${JSON.stringify(TASKS)}, threads: 1 });
    console.log(await pool.map("traced", [1]));
    console.log(Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes("opentelemetry")));`);
  onTestFinished(() => program[Symbol.asyncDispose]());
  await within(20_000, "its end", program.exited);
  expect(program.output).toBe("[ 2 ]\nfalse\n");
});

test("metrics of maps: items by outcome, items in flight, durations", async () => {
  const { output } = await traced(
    `
    import { printMetrics } from ${JSON.stringify(METRICS)};
    await pool.map("traced", [1, -1, 2, 3]).settled();
    await pool.map("traced", [5, 6]);
    await printMetrics();`,
    { kind: "ThreadPool" },
  );
  const all = JSON.parse(/METRICS(.*)/.exec(output)?.[1] ?? "{}") as Record<string, [unknown, object][]>;
  const of = (outcome: string): object => ({ "bullmq.job.name": "traced", "poolmq.outcome": outcome });
  expect(all["poolmq.items"]).toEqual([
    [5, of("succeeded")],
    [1, of("failed")],
  ]);
  expect(all["poolmq.items.in_flight"]).toEqual([[0, { "bullmq.job.name": "traced" }]]);
  // A map of 83 ms and one of 4.9 s are told apart.
  expect(all["poolmq.map.duration"]?.[0]?.[0]).toMatchObject({
    buckets: { boundaries: expect.arrayContaining([0.005, 0.1, 0.5, 5]) as number[] },
  });
  expect(
    all["poolmq.map.duration"]?.map(([value, attributes]) => [
      (value as { count: number }).count,
      attributes,
    ]),
  ).toEqual([
    [1, of("failed")],
    [1, of("succeeded")],
  ]);
});

test("failed items of a traced map whose jobs are signed can be run again", async () => {
  const key = "a signing key of the tests, long enough";
  const { output, spans } = await traced(
    `
    const { Redis } = await import("ioredis");
    const { resolveSigningKeys } = await import("@poolmq/shared/internal");
    const { MapControl } = await import("@poolmq/worker/control");
    await trace.getTracer("app").startActiveSpan("caller", async (span) => {
      await pool.map("traced", [-2], { mapId: "m" }).settled();
      span.end();
    });
    const redis = new Redis(${JSON.stringify(redis().url)});
    const control = new MapControl(redis, {
      queue: process.env.QUEUE, signingKeys: resolveSigningKeys(${JSON.stringify(key)}) });
    while ((await control.retry("m")).items !== 1);
    const other = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: process.env.QUEUE,
      signingKey: ${JSON.stringify(key)} });
    const [again] = await other.attach("m").settled();
    console.log("again:", again.status, again.reason.message);
    await other.close();
    await control.close();
    redis.disconnect();`,
    { options: `signingKey: ${JSON.stringify(key)}` },
  );
  expect(output).toMatch(/again: rejected .*negative/);
  expect(spans.filter(({ name }) => name === "process traced")).toHaveLength(2);
});

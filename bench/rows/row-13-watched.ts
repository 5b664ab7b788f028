/** The cost of watching a map. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { Lane } from "../harness/lane.ts";
import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

const CLI = fileURLToPath(new URL("../node_modules/@poolmq/worker/dist/cli.js", import.meta.url));
const QUEUE = "watched";

export const watched: Row = {
  id: 13,
  title: "map of 20,000 trivial items while `poolmq top` watches",
  async measure(stage) {
    const n = stage.size(20_000, 2_000);
    const lane = await new Lane(stage, stage.redis, QUEUE).grow({ producers: 1, machines: 2 });
    await lane.map(n);
    const times = await inTurns(stage.size(20, 2), [
      { who: "alone", run: () => lane.map(n) },
      {
        who: "watched",
        async run() {
          await using _top = await startTop(stage.redis.url);
          return await lane.map(n);
        },
      },
    ]);
    return {
      checks: [
        {
          what: "time over that of a map that nobody watches",
          value: medianRatio(times.get("watched") ?? [], times.get("alone") ?? []),
          unit: "×",
          target: { is: "≤", value: 1.02 },
        },
      ],
      series: [...times].map(([who, values]) => ({ who, what: "whole map", unit: "ms", values })),
    };
  },
};

/** Starts `poolmq top`; resolves once it has shown the queue. */
async function startTop(redis: string): Promise<AsyncDisposable> {
  const top = spawn(process.execPath, [CLI, "top", "--json", "--redis", redis, "--queue", QUEUE], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(top.stdout, "data");
  top.stdout.resume();
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(top, "exit");
      top.kill();
      await ended;
    },
  };
}

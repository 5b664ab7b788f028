/** The cost of watching a map. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { queueKeys } from "@poolmq/shared/redis";

import { Lane } from "../harness/lane.ts";
import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";
import type { RedisServer } from "../harness/redis-server.ts";

const CLI = fileURLToPath(new URL("../node_modules/@poolmq/worker/dist/cli.js", import.meta.url));
const QUEUE = "watched";

/** By then, in ms, machines know whether somebody watches: they learn it with their heartbeat, once a second. */
const KNOWN_MS = 1_200;

/** How often `poolmq top` looks, in ms. */
const LOOKS_MS = 1_000;

export const watched: Row = {
  id: 13,
  title: "map of 20,000 trivial items while `poolmq top` watches",
  async measure(stage) {
    const n = stage.size(20_000, 2_000);
    const rounds = stage.size(20, 2);
    const lane = await new Lane(stage, stage.redis, QUEUE).grow({ producers: 1, machines: 2 });
    await lane.map(n);
    await using top = await startTop(stage.redis);
    // Maps last less long than from one look to the next, so that each begins a little later after a look.
    let runs = 0;
    const map = async (): Promise<number> => {
      await delay(KNOWN_MS + (LOOKS_MS * Math.floor(runs++ / 2)) / rounds);
      return await lane.map(n);
    };
    const times = await inTurns(rounds, [
      {
        who: "alone",
        async run() {
          await top.rest();
          return await map();
        },
      },
      {
        who: "watched",
        async run() {
          top.look();
          return await map();
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
      notes: [
        "`poolmq top` is started once, and stopped by a signal while nobody is to watch: a map right after a start of Node finds all caches cold.",
      ],
    };
  },
};

interface Top extends AsyncDisposable {
  /** Lets nobody watch. */
  rest(): Promise<void>;
  look(): void;
}

/** Starts `poolmq top`; resolves once it has shown the queue. */
async function startTop({ url, commands }: RedisServer): Promise<Top> {
  const top = spawn(process.execPath, [CLI, "top", "--json", "--redis", url, "--queue", QUEUE], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(top.stdout, "data");
  top.stdout.resume();
  return {
    async rest() {
      top.kill("SIGSTOP");
      await commands.del(queueKeys(QUEUE).watch);
    },
    look() {
      top.kill("SIGCONT");
    },
    async [Symbol.asyncDispose]() {
      const ended = once(top, "exit");
      top.kill("SIGKILL");
      await ended;
    },
  };
}

/** The operations of the bench, with a pool of poolmq. */

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { BasePool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";
import { buffersOf, checkBuffers } from "./buffers.ts";
import { argumentsOf } from "./operations.ts";
import type { Operations } from "./operations.ts";
import { timedFold } from "./poolmq-folds.ts";
import { sideBySide } from "./poolmq-side-by-side.ts";
import { serve } from "./serve.ts";
import { timed, timedCalls, timedMap } from "./timed.ts";

export async function serveCalls(pool: BasePool<typeof tasks>): Promise<void> {
  await serve(
    {
      async map({ task, args, chunksize = 1, times }) {
        const items = argumentsOf(args);
        return await timedMap(() => pool.map(task, items, { chunksize }), times);
      },
      async calls({ count }) {
        return { ms: await timedCalls(count, (i) => pool.apply("increment", [i])) };
      },
      sideBySide: (request) => sideBySide(pool, request),
      fold: (request) => timedFold(pool, request),
      slowStream: (request) => slowStream(pool, request),
      async buffers(request) {
        const buffers = buffersOf(request);
        const { ms, result } = await timed(() => pool.map("echo", buffers));
        checkBuffers(result, buffers);
        return { ms };
      },
      async shared({ count, bytes }) {
        const value = randomBytes(bytes);
        const { ms } = await timed(async () => {
          const shared = await pool.share(value);
          const tuples = Array.from({ length: count }, (_, i) => [shared, i] as const);
          await pool.starmap("byteAt", tuples);
        });
        return { ms };
      },
    },
    async () => {
      pool.close();
      await pool.join();
    },
  );
}

async function slowStream(
  pool: BasePool<typeof tasks>,
  { n, pauseEvery, pauseMs }: Operations["slowStream"]["request"],
): Promise<Operations["slowStream"]["reply"]> {
  const before = process.memoryUsage.rss();
  let peak = before;
  let sum = 0;
  let read = 0;
  const { ms } = await timed(async () => {
    for await (const result of pool.imap("increment", numbers(n), { chunksize: "auto" })) {
      sum += result;
      if (++read % pauseEvery !== 0) continue;
      peak = Math.max(peak, process.memoryUsage.rss());
      await delay(pauseMs);
    }
  });
  return { ms, sum, before, peak };
}

function* numbers(n: number): Generator<number> {
  for (let i = 0; i < n; i++) yield i;
}

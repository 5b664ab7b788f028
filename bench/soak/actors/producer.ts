/** A producer of the soak, in a process of its own: one map after the other. argv: `ProducerOptions` as JSON; a file to log to. */

import { setTimeout as delay } from "node:timers/promises";

import { Pool } from "@poolmq/producer";
import type { MapResult, ResultStream } from "@poolmq/producer";
import { pino } from "pino";

import { listen, say } from "./in-actor.ts";
import type { ProducerOptions } from "./messages.ts";
import { codeOf, Tally } from "../work/tally.ts";
import type * as tasks from "../work/tasks.ts";
import type { Item } from "../work/tasks.ts";
import { TROUBLE_TIMEOUT_MS, workload } from "../work/workload.ts";
import type { Workload } from "../work/workload.ts";

const [, , text = "{}", log] = process.argv;
const options = JSON.parse(text) as ProducerOptions;
const pool = new Pool<typeof tasks>({
  connection: options.connection,
  queue: options.queue,
  // Smaller than the maps, so that it is reached.
  window: 200,
  ...(log === undefined
    ? {}
    : { logger: pino({ level: "warn" }, pino.destination({ dest: log, sync: true })) }),
});

let stopped = false;
listen(() => (stopped = true));
say({ t: "ready" });

for (let number = options.first; !stopped; number++) {
  const load = workload(options.seed, options.name, number);
  const { kind, tag, items } = load;
  const tally = new Tally(items);
  const begun = (mapId: string): void => {
    began = mapId;
    say({ t: "began", number, tag, mapId });
  };
  let began = tag;
  if (kind === "durable") await durable(load, tally, options.resumes && number === options.first, begun);
  else await plain(load, tally, begun);
  const verdict = tally.verdict(kind === "cancelled");
  say({ t: "ended", number, tag, mapId: began, kind, items: items.length, verdict });
}
pool.close();
await pool.join();
process.disconnect();

async function plain(
  { kind, tag, items }: Workload,
  tally: Tally,
  begun: (mapId: string) => void,
): Promise<void> {
  const told = {
    onResult: (_: unknown, index: number) => tally.calledBack(index),
    onError: (_: unknown, index: number) => tally.calledBack(index),
  };
  const tuples = items.map(({ x }) => [tag, x] as const);
  switch (kind) {
    case "map":
    case "large results":
      return await settle(pool.map("run", items, told), tally, begun);
    case "starmap, chunks of 7":
      return await settle(pool.starmap("runPair", tuples, { chunksize: 7, ...told }), tally, begun);
    case "starmap, chunksize auto":
      return await settle(pool.starmap("runPair", tuples, { chunksize: "auto", ...told }), tally, begun);
    case "map of troubles": {
      const limits = { attempts: 2, taskTimeoutMs: TROUBLE_TIMEOUT_MS, chunksize: 3, ...told };
      return await settle(pool.map("run", items, limits), tally, begun);
    }
    case "imap, slow reader": {
      const stream = pool.imap("run", items, { buffersize: 40, ...told });
      return await read(stream, tally, begun, 3);
    }
    case "imapUnordered": {
      const stream = pool.imapUnordered("run", slowly(items), {
        buffersize: 100,
        // A stream does not say which item an error belongs to.
        onError: (error, index) => tally.failed(index, error),
      });
      begun(stream.id);
      for (;;) {
        const next = await stream.next().catch(() => undefined);
        if (next?.done === true) return;
        if (next !== undefined) tally.somewhere(next.value);
      }
    }
    case "cancelled": {
      const result = pool.map("run", items, {
        onError: (error, index) => tally.failed(index, error),
        onResult: (value, index) => {
          tally.succeeded(index, value);
          if (index > items.length / 3) result.cancel();
        },
      });
      begun(result.id);
      await result.wait();
      return;
    }
    case "durable":
      throw new Error("unreachable: a durable map is not plain");
    default:
      kind satisfies never;
  }
}

/** Attaches to the map if it exists. If it can't be completed that way, the same call completes it. */
async function durable(
  { tag, items }: Workload,
  tally: Tally,
  resumes: boolean,
  begun: (mapId: string) => void,
): Promise<void> {
  begun(tag);
  if (resumes) {
    const attached = pool.attach<string>(tag);
    const outcomes = await attached.settled().catch(() => undefined);
    const isWhole = await attached.then(
      () => true,
      (error: unknown) => !["UNKNOWN_MAP", "INCOMPLETE_MAP"].includes(codeOf(error)),
    );
    if (isWhole && outcomes !== undefined) return tell(outcomes, tally);
  }
  tell(await pool.map("run", items, { mapId: tag, chunksize: 3 }).settled(), tally);
}

async function settle(
  result: MapResult<string>,
  tally: Tally,
  begun: (mapId: string) => void,
): Promise<void> {
  begun(result.id);
  tell(await result.settled(), tally);
}

function tell(outcomes: readonly PromiseSettledResult<string>[], tally: Tally): void {
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") tally.succeeded(index, outcome.value);
    else tally.failed(index, outcome.reason);
  }
}

async function read(
  stream: ResultStream<string>,
  tally: Tally,
  begun: (mapId: string) => void,
  pauseMs: number,
): Promise<void> {
  begun(stream.id);
  for (let index = 0; ; index++) {
    try {
      const { done, value } = await stream.next();
      if (done === true) return;
      tally.succeeded(index, value);
    } catch (error) {
      tally.failed(index, error);
    }
    await delay(pauseMs);
  }
}

/** An input that is slower than the workers. */
async function* slowly(items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) {
    if (item.x % 10 === 0) await delay(5);
    yield item;
  }
}

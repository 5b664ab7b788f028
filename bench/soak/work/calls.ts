/** Makes the call of a workload, and reports all outcomes to the tally. */

import { setTimeout as delay } from "node:timers/promises";

import type { CallOptions, MapResult, ResultStream } from "@poolmq/producer";

import type { SoakPool } from "../actors/make-pool.ts";
import { codeOf } from "./tally.ts";
import type { Tally } from "./tally.ts";
import type { Item } from "./tasks.ts";
import type { Workload } from "./workload.ts";

interface AskOptions {
  /** A durable map that a producer before this one began: it is attached first. */
  readonly resumes: boolean;
  /** Called with the map's id. */
  readonly begun: (mapId: string) => void;
}

/** Bytes of an argument, large enough to travel beside its text. */
const LARGE_BYTES = 40_000;

/** Errors of a handle that attached too late, or whose map Redis has lost. The map's own handle completes it. */
const NOTHING_TO_ATTACH = ["UNKNOWN_MAP", "INCOMPLETE_MAP"];

export class Calls {
  readonly #pool: SoakPool;
  /** Another pool of the same queue, if there is a queue. */
  readonly #other: SoakPool | undefined;

  constructor(pool: SoakPool, other: SoakPool | undefined) {
    this.#pool = pool;
    this.#other = other;
  }

  async ask(load: Workload, tally: Tally, { resumes, begun }: AskOptions): Promise<void> {
    const { kind, tag, items } = load;
    const pool = this.#pool;
    const options: CallOptions<string> = {
      ...load.options,
      onResult: (_, index) => tally.calledBack(index),
      onError: (_, index) => tally.calledBack(index),
    };
    const tuples = items.map(({ x }) => [tag, x] as const);
    const settled = async (result: MapResult<string>): Promise<void> => {
      begun(result.id);
      tell(await result.settled(), tally);
    };
    switch (kind) {
      case "map":
      case "large results":
      case "troubles":
      case "back-offs":
      case "fails fast":
      case "speculated":
      case "slow chunks":
      case "limited":
      case "limited by rate":
      case "evil":
        return await settled(pool.map("run", items, options));
      case "starmap":
        return await settled(pool.starmap("runPair", tuples, options));
      case "large arguments":
        return await settled(pool.starmap("runBytes", items.map(withBytes), options));
      case "shared value": {
        const shared = await pool.share({ tag, ballast: "x".repeat(30_000) });
        await settled(
          pool.starmap(
            "runShared",
            items.map(({ x }) => [shared, x] as const),
            options,
          ),
        );
        return await shared[Symbol.asyncDispose]();
      }
      case "imap":
        return await readInOrder(pool.imap("run", items, { buffersize: 40, ...options }), tally, begun);
      case "istarmap":
        return await readInOrder(
          pool.istarmap("runPair", tuples, { buffersize: 300, ...options }),
          tally,
          begun,
        );
      case "imapUnordered":
        return await readAny(pool.imapUnordered("run", slowly(items), unordered(load, tally)), tally, begun);
      case "istarmapUnordered":
        return await readAny(pool.istarmapUnordered("runPair", tuples, unordered(load, tally)), tally, begun);
      case "batched":
        return await settled(pool.map("runBatch", items, options));
      case "folded": {
        const result = pool.mapReduce("runListed", items, "joined", { ...load.options, ordered: true });
        begun(result.id);
        return await result.then(
          (parts) => parts.forEach((value, index) => tally.succeeded(index, value)),
          (error: unknown) => tally.rejected(error),
        );
      }
      case "apply":
      case "many calls": {
        const results = items.map((item) => pool.apply("run", [item], load.options));
        begun(results[0]?.id ?? tag);
        return tell(await Promise.allSettled(results), tally, (index) => results[index]?.id);
      }
      case "cancelled":
      case "cancelled by a signal":
      case "cancelled by who attached":
        return await this.#cancelled(load, tally, begun);
      case "attached": {
        const result = pool.map("run", items, { ...options, mapId: tag });
        begun(tag);
        const [own, attached] = await Promise.all([result.settled(), this.#attach(tag)]);
        tell(own, tally);
        return attached?.forEach((outcome, index) => tally.alsoTold(index, outcome, own[index]));
      }
      case "durable": {
        begun(tag);
        const before = resumes ? await this.#attach(tag, pool) : undefined;
        return tell(
          before ?? (await pool.map("run", items, { ...load.options, mapId: tag }).settled()),
          tally,
        );
      }
      default:
        kind satisfies never;
    }
  }

  async #cancelled(
    { kind, tag, items, options }: Workload,
    tally: Tally,
    begun: AskOptions["begun"],
  ): Promise<void> {
    const isShared = kind === "cancelled by who attached";
    const controller = new AbortController();
    let cancel = (): void => controller.abort();
    const result = this.#pool.map("run", items, {
      ...options,
      ...(kind === "cancelled by a signal" ? { signal: controller.signal } : {}),
      ...(isShared ? { mapId: tag } : {}),
      onError: (error, index) => tally.failed(index, error),
      onResult: (value, index) => {
        tally.succeeded(index, value);
        if (index > items.length / 3) cancel();
      },
    });
    begun(result.id);
    if (kind === "cancelled") cancel = () => result.cancel();
    if (isShared) {
      cancel = () => {
        cancel = () => {};
        const attached = this.#other?.attach(tag);
        attached?.cancel();
        attached?.catch(() => {});
      };
    }
    await result.wait();
  }

  /** Gives the outcomes of a map that was begun elsewhere; undefined if it can't be attached to. */
  async #attach(mapId: string, pool = this.#other): Promise<PromiseSettledResult<string>[] | undefined> {
    const attached = pool?.attach<string>(mapId);
    if (attached === undefined) return undefined;
    const outcomes = await attached.settled().catch(() => undefined);
    const isWhole = await attached.then(
      () => true,
      (error: unknown) => !NOTHING_TO_ATTACH.includes(codeOf(error)),
    );
    return isWhole ? outcomes : undefined;
  }
}

function tell(
  outcomes: readonly PromiseSettledResult<string>[],
  tally: Tally,
  mapIdOf: (index: number) => string | undefined = () => undefined,
): void {
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") tally.succeeded(index, outcome.value);
    else tally.failed(index, outcome.reason, mapIdOf(index));
  }
}

/** Reads a stream more slowly than the workers run. */
async function readInOrder(
  stream: ResultStream<string>,
  tally: Tally,
  begun: AskOptions["begun"],
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
    if (index % 4 === 0) await delay(3);
  }
}

function unordered({ options }: Workload, tally: Tally): CallOptions<string> {
  // A stream does not say which item an error belongs to.
  return { ...options, buffersize: 100, onError: (error, index) => tally.failed(index, error) };
}

async function readAny(
  stream: ResultStream<string>,
  tally: Tally,
  begun: AskOptions["begun"],
): Promise<void> {
  begun(stream.id);
  for (;;) {
    const next = await stream.next().catch(() => undefined);
    if (next?.done === true) return;
    if (next !== undefined) tally.somewhere(next.value);
  }
}

function withBytes({ tag, x }: Item): [tag: string, x: number, bytes: Uint8Array] {
  return [tag, x, new Uint8Array(LARGE_BYTES).fill(x % 256)];
}

/** An input that is slower than the workers. */
async function* slowly(items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) {
    if (item.x % 10 === 0) await delay(5);
    yield item;
  }
}

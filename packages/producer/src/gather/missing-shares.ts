import type { GatherScripts } from "@poolmq/shared/redis";

import type { Chunk } from "../input/chunk.ts";
import type { GatheredMap } from "./kinds/gathered-map.ts";
import type { Jobs } from "./jobs.ts";
import { sharesOf } from "./shares.ts";
import type { Shares } from "./shares.ts";

/**
 * How often a chunk is enqueued again because its shared values were gone. If they vanish every time, that has a lasting
 * cause.
 */
const MAX_TIMES = 5;

interface MissingSharesTools {
  readonly shares: Shares;
  readonly scripts: GatherScripts;
  readonly jobs: Jobs;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** Sends shared values again that Redis has lost, and enqueues the chunks again that could not be run without them. */
export class MissingShares {
  readonly #tools: MissingSharesTools;
  readonly #times = new WeakMap<Chunk, number>();

  constructor(tools: MissingSharesTools) {
    this.#tools = tools;
  }

  /** Gives false if the values are not this pool's, or the chunk was enqueued too often. */
  sendAgain(gathered: GatheredMap, chunk: Chunk): boolean {
    const ids = sharesOf([chunk]);
    const times = this.#times.get(chunk) ?? 0;
    if (times >= MAX_TIMES || !this.#tools.shares.has(ids)) return false;
    this.#times.set(chunk, times + 1);
    // If this fails, the next reconcile finds the outcome gone.
    this.#sendAgain(gathered, chunk, ids).catch((error: unknown) => {
      const facts = { mapId: gathered.mapId, err: error };
      this.#tools.warn(facts, "could not yet enqueue the items again that lack their shared value");
    });
    return true;
  }

  async #sendAgain(gathered: GatheredMap, { at }: Chunk, ids: readonly string[]): Promise<void> {
    const { shares, scripts, jobs } = this.#tools;
    const { map } = gathered;
    await shares.renew(ids);
    await scripts.forget(map.id, [at]);
    await jobs.add(gathered, map.chunks([at]));
  }
}

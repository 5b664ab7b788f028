/** Injects the faults of a plan, and counts them. */

import { setTimeout as delay } from "node:timers/promises";

import { DamagedItems } from "./damaged-items.ts";
import type { Stage } from "./fault.ts";
import { OF_REDIS } from "./of-redis.ts";
import type { PlannedLane } from "./plan.ts";

/** A fault that waits for a command which nobody sends is given up after this. */
const OVERRUN_MS = 20_000;

export class Injector {
  readonly counts = new Map<string, number>();
  readonly damaged = new DamagedItems();
  /** Kinds of faults that are not over. */
  readonly underWay = new Set<string>();
  /** Kinds of faults that did not end in time, or could not be injected. */
  readonly overran: string[] = [];
  readonly #stage: Stage;
  #redisBack: Promise<unknown> = Promise.resolve();

  constructor(stage: Omit<Stage, "damaged" | "redisBack">) {
    this.#stage = { ...stage, damaged: this.damaged, redisBack: () => this.#redisBack };
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Runs a lane of the plan; resolves when its last fault is over. */
  async run({ lane, faults }: PlannedLane, startedAt: number): Promise<void> {
    for (const { fault, atMs, pick, forMs } of faults) {
      const waitMs = startedAt + atMs - performance.now();
      if (waitMs > 0) await delay(waitMs);
      const over = fault.inject(this.#stage, { pick, forMs }).catch((error: unknown) => {
        this.overran.push(`${fault.kind}: ${String(error)}`);
        return false;
      });
      if (lane === OF_REDIS) this.#redisBack = over;
      this.underWay.add(fault.kind);
      const hit = await Promise.race([over, delay(forMs + OVERRUN_MS, "overran" as const)]);
      this.underWay.delete(fault.kind);
      if (hit === "overran") this.overran.push(fault.kind);
      else if (hit) this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    }
  }
}

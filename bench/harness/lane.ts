/** A queue with producers and worker machines of its own. */

import type { Competitor } from "./competitor.ts";
import type { RedisServer } from "./redis-server.ts";
import type { Stage } from "./stage.ts";

export class Lane {
  readonly redis: RedisServer;
  readonly #stage: Stage;
  readonly #queue: string;
  readonly #producers: Competitor[] = [];
  #machines = 0;

  constructor(stage: Stage, redis: RedisServer, queue: string) {
    this.#stage = stage;
    this.redis = redis;
    this.#queue = queue;
  }

  /** Starts producers and machines until there are these numbers of them. A machine has one worker process. */
  async grow({ producers, machines }: { producers: number; machines: number }): Promise<this> {
    const setup = { redis: this.redis.url, queue: this.#queue, processes: 1 };
    while (this.#machines < machines) {
      this.#machines++;
      await this.#stage.need("poolmqMachine", setup);
    }
    while (this.#producers.length < producers) {
      this.#producers.push(await this.#stage.need("poolmqProducer", setup));
    }
    await this.map(1_000);
    return this;
  }

  /**
   * Lets all producers run a map at the same time, with `items` items together. Gives how long the longest took, in ms.
   */
  async map(items: number): Promise<number> {
    const args = { range: Math.ceil(items / this.#producers.length) };
    const times = await Promise.all(
      this.#producers.map((producer) => producer.map({ task: "increment", args, chunksize: 1 })),
    );
    return Math.max(...times);
  }
}

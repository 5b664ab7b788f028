/** What the processes and the servers of a soak use while it runs. */

import type { RedisServer } from "../../tests/support/redis-server.ts";
import type { Asker } from "./actors/asker.ts";
import type { SoakReport } from "./report.ts";

const SAMPLE_MS = 2_500;

/** A process that is asked what it uses. */
type Watched = Pick<Asker, "usage"> & { readonly actor: Pick<Asker["actor"], "send"> };

export class Used {
  readonly #watched: Readonly<Record<string, Watched | undefined>>;
  readonly #servers: readonly RedisServer[];
  readonly #sampler: NodeJS.Timeout;
  #redisMost = 0;

  /** Begins to look. @param watched - by the names that the report has for them */
  constructor(watched: Readonly<Record<string, Watched | undefined>>, servers: readonly RedisServer[]) {
    this.#watched = watched;
    this.#servers = servers;
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  get processes(): SoakReport["usage"] {
    const trends = ({ usage }: Watched): SoakReport["usage"][string] => ({
      rss: usage.trend("rss"),
      outside: usage.trend("outside"),
      heap: usage.trend("heap"),
      descriptors: usage.trend("descriptors"),
    });
    return Object.fromEntries(
      Object.entries(this.#watched).flatMap(([who, one]) => (one === undefined ? [] : [[who, trends(one)]])),
    );
  }

  /** Of the server that used or uses most. */
  async redisMib(): Promise<SoakReport["redisMib"]> {
    return { most: this.#redisMost, last: Math.max(...(await Promise.all(this.#servers.map(usedMib)))) };
  }

  close(): void {
    clearInterval(this.#sampler);
  }

  #sample(): void {
    for (const one of Object.values(this.#watched)) one?.actor.send({ t: "usage" });
    for (const server of this.#servers) {
      usedMib(server).then(
        (mib) => (this.#redisMost = Math.max(this.#redisMost, mib)),
        () => {}, // it is away
      );
    }
  }
}

async function usedMib({ admin }: RedisServer): Promise<number> {
  const used = /used_memory:(\d+)/.exec(await admin.info("memory"))?.[1];
  return Number(used ?? 0) / 2 ** 20;
}

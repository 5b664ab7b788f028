/** A producer of a soak. After it was killed, it is started again with the map that it was at. */

import type { Engine } from "../work/workload.ts";
import { Actor } from "./actor.ts";
import type { Setting, Site } from "./fleet.ts";
import type { FromActor, ProducerOptions } from "./messages.ts";
import { UsageSeries } from "./usage-series.ts";

/** One map of a producer that was reported. */
export type EndedMap = Extract<FromActor, { readonly t: "ended" }> & { readonly producer: Asker };

export interface AskerOptions {
  readonly name: string;
  readonly engine: Engine;
  readonly site: Pick<Site, "queue" | "signingKey">;
  /** Shift of its wall clock, in ms. @defaultValue 0 */
  readonly skewMs?: number;
  readonly onEnded: (map: EndedMap) => void;
}

export class Asker {
  /** What each of its processes used. */
  readonly #usages: UsageSeries[] = [];
  readonly #setting: Setting;
  readonly #options: AskerOptions;
  #actor: Actor;
  /** The map that it is at. */
  current: { readonly number: number; readonly mapId: string } | undefined;
  #next = 0;
  /** How many of its own worker processes the soak has killed. */
  childrenKilled = 0;

  constructor(setting: Setting, options: AskerOptions) {
    this.#setting = setting;
    this.#options = options;
    this.#actor = this.#start(false);
  }

  get name(): string {
    return this.#options.name;
  }

  get engine(): Engine {
    return this.#options.engine;
  }

  /** What the process used that lived longest: what two of them used one after the other says nothing of growth. */
  get usage(): UsageSeries {
    return this.#usages.toSorted((a, b) => b.minutes - a.minutes)[0] ?? new UsageSeries();
  }

  get actor(): Actor {
    return this.#actor;
  }

  async killAndReplace(): Promise<void> {
    await this.#actor.kill();
    const isDurable = this.name.startsWith("durable");
    // The map of a plain producer ends with the producer.
    if (!isDurable && this.current !== undefined) this.#next = this.current.number + 1;
    const resumes = isDurable && this.current !== undefined;
    if (!resumes) this.current = undefined;
    this.#actor = this.#start(resumes);
  }

  #start(resumes: boolean): Actor {
    const { url, seed, folder, logs, stderr, onDied } = this.#setting;
    const { name, engine, site, skewMs = 0, onEnded } = this.#options;
    const { queue, signingKey } = site;
    const options: ProducerOptions = {
      engine,
      connection: url,
      queue,
      signingKey,
      name,
      seed,
      first: this.#next,
      resumes,
    };
    const usage = new UsageSeries();
    this.#usages.push(usage);
    return new Actor({
      program: "producer",
      args: [JSON.stringify(options), ...(logs === undefined ? [] : [`${logs}/${name}.log`])],
      folder,
      stderr,
      skewMs,
      onDied,
      onMessage: (message) => {
        if (message.t === "usage") usage.add(message);
        if (message.t === "began") {
          this.current = message;
          this.#next = message.number;
        }
        if (message.t === "ended") {
          this.current = undefined;
          this.#next = message.number + 1;
          onEnded({ ...message, producer: this });
        }
      },
    });
  }
}

/** A queue of the dashboard: what is shown of it and can be done to it, on one Redis or on all over which it is spread. */

import type { Cluster, Redis } from "ioredis";

import { queueKeys } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import type { ControlOptions } from "../control/control-options.ts";
import { MachineControl } from "../control/machine-control.ts";
import { onItsShard } from "../control/machine-everywhere.ts";
import type { MachineShard } from "../control/machine-everywhere.ts";
import { MapControl } from "../control/map-control.ts";
import { QueueFeed } from "../feed/queue-feed.ts";
import { ItemPlace } from "../watch/item-place.ts";
import { ItemReader } from "../watch/item-reader.ts";
import { LogReader } from "../watch/log-reader.ts";
import { PoolWatcher } from "../watch/pool-watcher.ts";
import type { Watcher } from "../watch/pool-watcher.ts";
import { QueueWatcher } from "../watch/queue-watcher.ts";
import type { DashboardQueue } from "./dashboard-server.ts";
import { pageActions } from "./page-actions.ts";
import { QueueLook } from "./queue-look.ts";

export interface ShownQueueOptions extends Omit<ControlOptions, "queue"> {
  readonly writable: boolean;
  readonly showsValues: boolean;
}

/** A shard of the queue. */
interface ShownShard {
  readonly address: string;
  /** Name of its queue. */
  readonly name: string;
  place?: { readonly redis: Redis | Cluster; readonly keys: QueueKeys };
  watcher: Watcher | undefined;
}

export class ShownQueue implements DashboardQueue {
  readonly name: string;
  readonly feed: QueueFeed;
  readonly look: QueueLook;
  readonly actions?: DashboardQueue["actions"] & {};
  readonly #options: ShownQueueOptions;
  readonly #shards: readonly ShownShard[];
  readonly #watcher: PoolWatcher;
  readonly #items: ItemPlace[] = [];
  readonly #logs: NonNullable<ShownShard["place"]>[] = [];

  /** @param shards - where they are, and the names of their queues; each is to be reached */
  constructor(
    name: string,
    shards: readonly { readonly address: string; readonly name: string }[],
    options: ShownQueueOptions,
  ) {
    this.name = name;
    this.#options = options;
    this.#shards = shards.map((shard): ShownShard => ({ ...shard, watcher: undefined }));
    this.#watcher = new PoolWatcher(name, this.#shards);
    const machines = onItsShard(async () => await this.#machineShards());
    const { writable, showsValues } = options;
    this.feed = new QueueFeed(this.#watcher);
    const items = new ItemReader(this.#items, this.#watcher, { showsValues });
    this.look = new QueueLook(items, machines, new LogReader(this.#logs));
    if (!writable) return;
    this.actions = pageActions(machines, async () => {
      return (await this.#answering()).map(({ place: { redis }, control }) => new MapControl(redis, control));
    });
  }

  /** A shard is there from now on. Gives where its jobs are. @param at - which of them */
  reached(at: number, redis: Redis | Cluster): { readonly keys: QueueKeys; readonly address: string } {
    const shard = this.#shards[at];
    if (shard === undefined) throw new Error(`unreachable: there is no shard ${at}`);
    const { prefix } = this.#options;
    const place = { redis, keys: queueKeys(shard.name, prefix) };
    shard.place = place;
    shard.watcher = new QueueWatcher(redis, { queue: shard.name, prefix });
    this.#items.push(new ItemPlace(place));
    this.#logs.push(place);
    return { keys: place.keys, address: shard.address };
  }

  async #machineShards(): Promise<MachineShard[]> {
    return (await this.#answering()).map(({ place: { redis }, watcher, control }) => {
      return { watcher, control: new MachineControl(redis, control) };
    });
  }

  /** Shards that answered a moment ago: what one that is away is asked would wait for it. */
  async #answering(): Promise<
    {
      readonly place: NonNullable<ShownShard["place"]>;
      readonly watcher: Watcher;
      readonly control: ControlOptions;
    }[]
  > {
    const { shards } = await this.#watcher.read();
    return this.#shards.flatMap(({ place, watcher, name }, at) => {
      if (place === undefined || watcher === undefined || shards?.[at]?.answers === false) return [];
      return { place, watcher, control: { ...this.#options, queue: name } };
    });
  }
}

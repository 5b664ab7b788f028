/** What is asked of a machine on a queue that is spread over several shards: on one of those where it was heard of. */

import type { Watcher } from "../watch/pool-watcher.ts";
import type { MachineControl } from "./machine-control.ts";

export type MachineOrders = Pick<MachineControl, "drain" | "resize" | "stack">;

/** A shard, and how its machines are reached. */
export interface MachineShard {
  readonly watcher: Pick<Watcher, "read">;
  readonly control: MachineOrders;
}

/**
 * A machine serves all shards of its queue, and obeys on each: one order would be told twice.
 *
 * @param shards - those that answer, at the time of an order; at least one
 */
export function onItsShard(shards: () => Promise<readonly MachineShard[]>): MachineOrders {
  const controlOf = async (worker: string): Promise<MachineOrders> => {
    const all = await shards();
    const [first] = all;
    if (first === undefined) throw new Error("No Redis server of the queue answers");
    if (all.length === 1) return first.control;
    const heard = await Promise.all(
      all.map(async ({ watcher }) => {
        const view = await watcher.read().catch(() => undefined);
        return view?.machines.some(({ id }) => id === worker) === true;
      }),
    );
    return all[heard.indexOf(true)]?.control ?? first.control;
  };
  return {
    drain: async (worker) => await (await controlOf(worker)).drain(worker),
    resize: async (worker, processes) => await (await controlOf(worker)).resize(worker, processes),
    stack: async (worker, pid) => await (await controlOf(worker)).stack(worker, pid),
  };
}

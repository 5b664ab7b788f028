/** An item that is to be run once more in somebody's terminal, on its way to the process that runs it. */

import { deserialize, serialize } from "node:v8";

import type { Payload } from "@poolmq/shared/task";

export interface ReplayItem {
  readonly task: string;
  readonly mapId: string;
  /** Index of the item in the map's input. */
  readonly index: number;
  /** Where the item stands in its chunk, and how many items the chunk has. */
  readonly offset: number;
  readonly n: number;
  /** The arguments of all items of the chunk, encoded. */
  readonly args: Payload;
  /** The bytes that the arguments refer to. */
  readonly bytes: Uint8Array | undefined;
  /** Shared values, by their position in every tuple. */
  readonly shares: readonly {
    readonly position: number;
    readonly payload: Payload;
    readonly bytes: Uint8Array | undefined;
  }[];
}

/** What the process that runs it is told. */
export interface ReplayOrder {
  readonly item: ReplayItem;
  /** Path of the tasks module. */
  readonly module: string;
  /** Stop in the debugger before the function is called. */
  readonly pauses: boolean;
}

export function writeOrder(order: ReplayOrder): Buffer {
  return serialize(order);
}

export function readOrder(bytes: Buffer): ReplayOrder {
  return deserialize(bytes) as ReplayOrder;
}

/** An item that is to be run once more in a terminal, in the form in which it is sent to the process that runs it. */

import { deserialize, serialize } from "node:v8";

import type { Payload } from "@poolmq/shared/task";

export interface ReplayItem {
  readonly task: string;
  readonly mapId: string;
  /** Index of the item in the map's input. */
  readonly index: number;
  /** The item's place in its chunk, and the number of the chunk's items. */
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

/** The message to the process that runs the item. */
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

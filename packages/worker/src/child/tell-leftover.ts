import { ownerOf } from "../item/item-context.ts";
import type { EndedItem } from "../pipe/pipe-messages.ts";
import { currentTaskContext, isLeftover } from "../task/task-context.ts";
import { LEFTOVER_KEY } from "./leftover-key.ts";

/** For what a batch left behind, which belongs to no present run: their ids begin with 1. */
const OF_NO_RUN: EndedItem = { id: 0 };

/** Lets another thread ask, while this one stands still, whether it runs what an ended item left behind, and which item. */
export function tellLeftover(): void {
  Object.defineProperty(globalThis, Symbol.for(LEFTOVER_KEY), { value: endedItem });
}

function endedItem(): EndedItem | undefined {
  if (!isLeftover()) return undefined;
  const context = currentTaskContext();
  const owner = context === undefined ? undefined : ownerOf(context);
  return owner === undefined ? OF_NO_RUN : { id: owner.id, offset: owner.offset };
}

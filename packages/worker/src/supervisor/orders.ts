/** What an operator asks of a machine from outside, done and noted in its log. */

import type { Logger } from "pino";

import type { Order } from "./control-channel.ts";
import type { ServedMachine } from "./served-machine.ts";

/** As many as the option `processes` may have. */
const MAX_PROCESSES = 1_024;

export function obeyOrder(order: Order, { id, crew, drain }: ServedMachine, log: Logger): void {
  const { by } = order;
  switch (order.t) {
    case "drain":
      if (order.worker !== id) return;
      log.warn({ by }, "an operator drains this machine");
      return drain();
    case "resize": {
      const { worker, processes } = order;
      if (worker !== id || processes < 1 || processes > MAX_PROCESSES) return;
      log.warn(
        { by, from: crew.processes, to: processes },
        "an operator changes the number of child processes",
      );
      return crew.resize(processes);
    }
    case "kill": {
      const { map: mapId, index } = order;
      const childPid = crew.killItem(mapId, index);
      if (childPid !== undefined) log.warn({ by, mapId, index, childPid }, "an operator kills an item");
      return;
    }
    case "notice":
      return log.warn({ by, what: order.what }, "an operator changed the queue");
    default:
      order satisfies never;
  }
}

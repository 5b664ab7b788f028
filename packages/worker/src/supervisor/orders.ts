/** Carries out operators' orders, and logs them. */

import type { Logger } from "pino";

import type { StackAnswer } from "@poolmq/shared/internal";

import type { Order } from "./control-channel.ts";
import type { ServedMachine } from "./served-machine.ts";

/** The largest value of the option `processes`. */
const MAX_PROCESSES = 1_024;

/** @param answer - sends the answer to a question, named by its id */
export function obeyOrder(
  order: Order,
  { id, crew, drain, options }: ServedMachine,
  log: Logger,
  answer: (id: string, answer: StackAnswer) => void,
): void {
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
      for (const childPid of crew.members.killItem(mapId, index)) {
        log.warn({ by, mapId, index, childPid }, "an operator kills an item");
      }
      return;
    }
    case "stack": {
      const { worker, pid, id: question } = order;
      if (worker !== id) return;
      log.info({ by, childPid: pid }, "an operator looks at what a process runs");
      if (options.redactRemoteStacks) {
        return answer(question, { problem: "this machine keeps its stacks to itself (redactRemoteStacks)" });
      }
      return void crew.members.stackOf(pid).then((frames) => {
        answer(question, frames === undefined ? { problem: "it does not answer, or is gone" } : { frames });
      });
    }
    case "notice":
      return log.warn({ by, what: order.what }, "an operator changed the queue");
    default:
      order satisfies never;
  }
}

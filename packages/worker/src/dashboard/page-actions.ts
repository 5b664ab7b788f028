/** What the dashboard's page can do to maps and machines, if it may. */

import type { ActionResult, PageActions } from "./dashboard-server.ts";
import type { Ordered } from "../control/machine-control.ts";
import type { MachineOrders } from "../control/machine-everywhere.ts";
import type { MapControl } from "../control/map-control.ts";
import { everywhere } from "../control/map-everywhere.ts";
import type { MapOrders } from "../control/map-everywhere.ts";
import type { Cancelled } from "../control/cancel-map.ts";
import { retriedText } from "../cli/view/retried-text.ts";

/** @param mapControls - of the queue on each of its shards that answer: made for one action, and closed after it */
export function pageActions(machines: MachineOrders, mapControls: () => Promise<MapControl[]>): PageActions {
  const withControl = async (act: (control: MapOrders) => Promise<ActionResult>): Promise<ActionResult> => {
    const controls = await mapControls();
    try {
      return await act(everywhere(controls));
    } finally {
      await Promise.all(controls.map((control) => control.close()));
    }
  };
  return {
    cancel: (asked) =>
      withControl(async (control) => {
        return CANCELLED[await control.cancel(asked.get("map") ?? "", "from the dashboard")];
      }),
    retry: (asked) =>
      withControl(async (control) => {
        const mapId = asked.get("map") ?? "";
        const result = await control.retry(mapId);
        const text = retriedText(mapId, result);
        if ("problem" in result) return { code: result.problem === "not found" ? 404 : 409, text };
        return { code: result.items === 0 ? 409 : 200, text };
      }),
    drain: async (asked) => {
      return orderedResult(
        await machines.drain(asked.get("worker") ?? ""),
        "it takes no more jobs, and ends after what it runs",
      );
    },
    async resize(asked) {
      const processes = Number(asked.get("processes"));
      if (!Number.isSafeInteger(processes) || processes < 1 || processes > 1_024) {
        return { code: 409, text: "expected a number of processes from 1 to 1024" };
      }
      return orderedResult(
        await machines.resize(asked.get("worker") ?? "", processes),
        `it is to have ${processes}`,
      );
    },
  };
}

function orderedResult(ordered: Ordered, done: string): ActionResult {
  if (ordered === "done") return { code: 200, text: done };
  if (ordered === "no key") return NO_KEY;
  return { code: 409, text: "the machine did not answer within some seconds" };
}

const NO_KEY: ActionResult = {
  code: 409,
  text: "this queue's workers have a signing key. Start the dashboard with --signing-key-file or POOLMQ_SIGNING_KEY",
};

const CANCELLED: Readonly<Record<Cancelled, ActionResult>> = {
  "by its producer": { code: 200, text: "cancelled" },
  removed: { code: 200, text: "cancelled" },
  "not found": { code: 404, text: "no such map, or it has ended" },
  "no answer": {
    code: 409,
    text: "its producer sent a sign of life a moment ago, but does not answer. Try again, or `poolmq cancel --force`",
  },
  "no key": NO_KEY,
};

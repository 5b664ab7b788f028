/** What the dashboard's page can do to maps, if it may. */

import type { Cluster, Redis } from "ioredis";

import { resolveSigningKeys } from "@poolmq/shared/internal";

import type { ActionResult, MapActions } from "../../dashboard/dashboard-server.ts";
import { MapControl } from "../../control/map-control.ts";
import type { Cancelled } from "../../control/cancel-map.ts";
import { whoAmI } from "../base/operator.ts";
import { retriedText } from "../view/retried-text.ts";

/** The connection stays the caller's. */
export function mapActions(
  redis: Redis | Cluster,
  at: { readonly queue: string; readonly prefix: string },
): MapActions {
  const withControl = async (act: (control: MapControl) => Promise<ActionResult>): Promise<ActionResult> => {
    const control = new MapControl(redis, {
      ...at,
      signingKeys: resolveSigningKeys(undefined),
      by: `the dashboard of ${whoAmI()}`,
    });
    try {
      return await act(control);
    } finally {
      await control.close();
    }
  };
  return {
    cancel: (mapId) =>
      withControl(async (control) => CANCELLED[await control.cancel(mapId, "from the dashboard")]),
    retry: (mapId) =>
      withControl(async (control) => {
        const result = await control.retry(mapId);
        const text = retriedText(mapId, result);
        if ("problem" in result) return { code: result.problem === "not found" ? 404 : 409, text };
        return { code: result.items === 0 ? 409 : 200, text };
      }),
  };
}

const CANCELLED: Readonly<Record<Cancelled, ActionResult>> = {
  "by its producer": { code: 200, text: "cancelled" },
  removed: { code: 200, text: "cancelled" },
  "not found": { code: 404, text: "no such map, or it has ended" },
  "no answer": {
    code: 409,
    text: "its producer was heard of a moment ago, and does not answer. Try again, or `poolmq cancel --force`",
  },
  "no key": {
    code: 409,
    text: "this queue's workers have a signing key. Start the dashboard with POOLMQ_SIGNING_KEY",
  },
};

/** Why a machine can't run anything. */

import { h } from "./preact.js";

/** @param {{ unfit: import("../src/watch/queue-view.ts").MachineView["unfit"] }} props */
export function Unfit({ unfit }) {
  if (unfit === null) return null;
  const { module, phase, reason } = unfit;
  return h("p", { class: "bad" }, `${module === "" ? "" : `${phase} of ${module}: `}${reason}`);
}

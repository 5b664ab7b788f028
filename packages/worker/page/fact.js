import { h } from "./preact.js";

/** A name and what belongs to it. @param {{ name: string, children?: import("./preact.js").ComponentChildren }} props */
export function Fact({ name, children }) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, children));
}

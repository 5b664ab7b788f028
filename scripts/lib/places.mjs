import { fileURLToPath } from "node:url";

/** The checkout. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Everything that the scripts fetch or remember. Git ignores it; deleting it only costs time. */
export const CACHE = `${ROOT}/.cache`;

import { fileURLToPath } from "node:url";

/** The checkout. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What the scripts bring or remember. Ignored by git; deleting it costs time and nothing else. */
export const CACHE = `${ROOT}/.cache`;

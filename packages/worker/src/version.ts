import { createRequire } from "node:module";

/** Version of this package. The package is named, because a build joins files: this one may lie in another folder there. */
export const VERSION: string = (
  createRequire(import.meta.url)("@poolmq/worker/package.json") as { version: string }
).version;

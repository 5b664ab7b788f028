/**
 * `pnpm build`: compiles the packages into their `dist`, from scratch, because a file of an old build would be published
 * too.
 */
import { rm } from "node:fs/promises";
import { ROOT } from "./lib/places.mjs";
import { run } from "./lib/run.mjs";

const PACKAGES = ["packages/shared", "packages/worker", "packages/producer", "packages/poolmq"];

for (const folder of PACKAGES) await rm(`${ROOT}/${folder}/dist`, { recursive: true, force: true });
process.exitCode = (await run(`${ROOT}/node_modules/.bin/tsc`, ["-b", ...PACKAGES])).code;

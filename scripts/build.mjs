/**
 * `pnpm build`: makes the packages' `dist`, from scratch, because a file of an old build would be published too. The
 * compiler writes the types, and `bundlePackage` the JavaScript.
 *
 * With arguments, only these packages: `node scripts/build.mjs shared worker`.
 */
import { rm } from "node:fs/promises";
import { bundlePackage } from "./lib/bundle-package.mjs";
import { ROOT } from "./lib/places.mjs";
import { run } from "./lib/run.mjs";

const PACKAGES = ["shared", "worker", "producer", "poolmq"];

const chosen = process.argv.length > 2 ? process.argv.slice(2) : PACKAGES;
const folders = chosen.map((name) => `${ROOT}/packages/${name}`);
for (const folder of folders) await rm(`${folder}/dist`, { recursive: true, force: true });
process.exitCode = (await run(`${ROOT}/node_modules/.bin/tsc`, ["-b", ...folders])).code;
if (process.exitCode === 0) await Promise.all(chosen.map((name) => bundlePackage(name)));

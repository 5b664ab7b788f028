/**
 * BullMQ and ioredis in one file each, for the processes that tests start. Each of these would otherwise load 300 files of
 * packages, which took 80 of the 190 ms of processor time in which a process loads what it needs for Redis, and a run of all
 * tests starts about a thousand.
 *
 * `HOOK` is to be preloaded with Node's `--require`. It replaces the packages that are this repository's, and no others: those
 * that a test installs elsewhere are what users get.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { rolldown } from "rolldown";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACKAGES = ["bullmq", "ioredis"];
const required = createRequire(join(ROOT, "packages/shared/package.json"));

/** Made once for each state of the lockfile and of this file. */
const MADE_OF = ["pnpm-lock.yaml", "tests/support/bundles.ts"];
const digest = createHash("sha256");
for (const file of MADE_OF) digest.update(readFileSync(join(ROOT, file)));
const FOLDER = join(ROOT, ".cache/bundled", digest.digest("hex").slice(0, 12));

/** The module that is to be preloaded. */
export const HOOK: string = join(FOLDER, "hook.cjs");

/** Global setup: makes the bundle, unless an earlier run has. */
export async function setup(): Promise<void> {
  if (existsSync(HOOK)) return;
  mkdirSync(join(FOLDER, ".."), { recursive: true });
  // Another run may be making it too: whichever is ready first puts its own in place.
  const draft = mkdtempSync(`${FOLDER}-`);
  try {
    await bundleInto(draft);
    renameSync(draft, FOLDER);
  } catch (error) {
    if (!existsSync(HOOK)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function bundleInto(folder: string): Promise<void> {
  const input: Record<string, string> = {};
  for (const name of PACKAGES) {
    input[name] = join(folder, `${name}.entry.mjs`);
    writeFileSync(input[name], entryOf(name));
  }
  const bundle = await rolldown({ platform: "node", input, external: ["msgpackr-extract"] });
  await bundle.write({ dir: folder, entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" });
  await bundle.close();
  writeFileSync(join(folder, "hook.cjs"), hookSource());
}

/** Gives a package, which is of CommonJS, the exports that Node finds in it for an ES module. */
function entryOf(name: string): string {
  const path = JSON.stringify(required.resolve(name));
  const names = Object.keys(required(name) as object).filter((key) => key !== "default");
  return `export { ${names.join(", ")} } from ${path};\nexport { default } from ${path};\n`;
}

/** The hook's text: an import of one of these packages finds its bundle. */
function hookSource(): string {
  const bundles = PACKAGES.map((name) => [
    pathToFileURL(required.resolve(name)).href,
    pathToFileURL(join(FOLDER, `${name}.mjs`)).href,
  ]);
  return `const bundles = new Map(${JSON.stringify(bundles)});
require("node:module").registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const url = context.conditions.includes("import") ? bundles.get(found.url) : undefined;
    return url === undefined ? found : { ...found, url, format: "module" };
  },
});
`;
}

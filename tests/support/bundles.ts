/**
 * What the processes that tests start load: this repository's packages built as for publishing, and BullMQ and ioredis in
 * one file each. From the sources, a process that uses Redis would load 500 files, which took half of the processor time of
 * its start, and a run of all tests starts about three thousand processes.
 *
 * `HOOK` is to be preloaded with Node's `--require`. It replaces modules of this repository, and no others: packages that a
 * test installs elsewhere are what users get. A test's own imports are not replaced, because Vitest loads them.
 */

import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { rolldown } from "rolldown";

import { bundlePackage, entriesOf } from "../../scripts/lib/bundle-package.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DEPENDENCIES = ["bullmq", "ioredis"];
const PACKAGES = ["shared", "worker", "producer", "poolmq"];
const required = createRequire(join(ROOT, "packages/shared/package.json"));

/** Made once for each state of these files. */
const MADE_OF = [
  "pnpm-lock.yaml",
  "tests/support/bundles.ts",
  ...globSync("scripts/lib/bundle-*.mjs", { cwd: ROOT }),
  ...globSync("packages/*/package.json", { cwd: ROOT }),
  ...globSync("packages/*/src/**/*.ts", { cwd: ROOT }),
];
// The hook names files by their paths, so a copied checkout needs its own.
const digest = createHash("sha256").update(ROOT);
for (const file of MADE_OF.toSorted()) digest.update(file).update(readFileSync(join(ROOT, file)));
const BUNDLED = join(ROOT, ".cache/bundled");
const FOLDER = join(BUNDLED, digest.digest("hex").slice(0, 12));

/** The module that is to be preloaded. */
export const HOOK: string = join(FOLDER, "hook.cjs");

/** Global setup: makes the bundles, unless an earlier run has. */
export async function setup(): Promise<void> {
  if (existsSync(HOOK)) return;
  mkdirSync(BUNDLED, { recursive: true });
  // Another run may be making it too: whichever is ready first puts its own in place.
  const draft = mkdtempSync(`${FOLDER}-`);
  try {
    await bundleDependencies(draft);
    for (const name of PACKAGES) await bundleOurs(name, join(draft, "packages", name));
    writeFileSync(join(draft, "hook.cjs"), hookSource());
    renameSync(draft, FOLDER);
  } catch (error) {
    if (!existsSync(HOOK)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function bundleDependencies(folder: string): Promise<void> {
  const input: Record<string, string> = {};
  for (const name of DEPENDENCIES) {
    input[name] = join(folder, `${name}.entry.mjs`);
    writeFileSync(input[name], entryOf(name));
  }
  const bundle = await rolldown({ platform: "node", input, external: ["msgpackr-extract"] });
  await bundle.write({ dir: folder, entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" });
  await bundle.close();
}

/** Beside the build lies what it finds from its own place when it is published. */
async function bundleOurs(name: string, folder: string): Promise<void> {
  await bundlePackage(name, join(folder, "dist"));
  const source = join(ROOT, "packages", name);
  copyFileSync(join(source, "package.json"), join(folder, "package.json"));
  for (const beside of ["node_modules", "page", "src"]) {
    if (existsSync(join(source, beside))) symlinkSync(join(source, beside), join(folder, beside));
  }
}

/** Gives a package, which is of CommonJS, the exports that Node finds in it for an ES module. */
function entryOf(name: string): string {
  const path = JSON.stringify(required.resolve(name));
  const names = Object.keys(required(name) as object).filter((key) => key !== "default");
  return `export { ${names.join(", ")} } from ${path};\nexport { default } from ${path};\n`;
}

/** The hook's text. BullMQ and ioredis are replaced for `import` only: their bundles are ES modules. */
function hookSource(): string {
  const urlOf = (path: string): string => pathToFileURL(path).href;
  const dependencies = DEPENDENCIES.map((name) => [
    urlOf(required.resolve(name)),
    urlOf(join(FOLDER, `${name}.mjs`)),
  ]);
  const ours = PACKAGES.flatMap((name) =>
    entriesOf(name).map((entry) => [
      urlOf(join(ROOT, "packages", name, "src", `${entry}.ts`)),
      urlOf(join(FOLDER, "packages", name, "dist", `${entry}.js`)),
    ]),
  );
  return `const dependencies = new Map(${JSON.stringify(dependencies)});
const ours = new Map(${JSON.stringify(ours)});
require("node:module").registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const url = ours.get(found.url) ?? (context.conditions.includes("import") ? dependencies.get(found.url) : undefined);
    return url === undefined ? found : { ...found, url, format: "module" };
  },
});
`;
}

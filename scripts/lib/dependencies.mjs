import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { fetchStep } from "./fetch-step.mjs";
import { CACHE, ROOT } from "./places.mjs";
import { say } from "./say.mjs";

const STAMP = `${CACHE}/installed`;

/**
 * Installs the dependencies, unless the last install was of the same manifests and lockfile, since even a pnpm with
 * nothing to do takes longer than reading these.
 *
 * @param {import("./toolchain.mjs").Toolchain} toolchain
 */
export async function ensureDependencies({ pnpm, env }) {
  const wanted = await manifestHash();
  if (existsSync(`${ROOT}/node_modules`) && (await readFile(STAMP, "utf8").catch(() => "")) === wanted)
    return;
  say("installing the dependencies");
  // Install scripts are off, because nothing here needs one. Without CI=true, pnpm asks before it replaces a node_modules
  // that it did not make.
  await fetchStep("the dependencies", pnpm, ["install", "--frozen-lockfile", "--ignore-scripts"], {
    env: { ...env, CI: "true" },
    lasting: /ERR_PNPM_OUTDATED_LOCKFILE/,
  });
  await mkdir(CACHE, { recursive: true });
  await writeFile(STAMP, wanted);
}

async function manifestHash() {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`);
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...(await manifests())]) {
    hash.update(`\0${file}\0`).update(await readFile(`${ROOT}/${file}`));
  }
  return hash.digest("hex");
}

/** The package.json files of the workspace: at most two folders deep. */
async function manifests() {
  const depthOne = await foldersIn(".");
  const depthTwo = (await Promise.all(depthOne.map((folder) => foldersIn(folder)))).flat();
  return [".", ...depthOne, ...depthTwo]
    .map((folder) => `${folder}/package.json`)
    .filter((file) => existsSync(`${ROOT}/${file}`));
}

/** @param {string} folder */
async function foldersIn(folder) {
  const entries = await readdir(`${ROOT}/${folder}`, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
    .map((entry) => `${folder}/${entry.name}`)
    .sort();
}

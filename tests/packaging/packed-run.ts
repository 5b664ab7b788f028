/**
 * Vitest's global setup of the packaging tests: packs the packages and installs them with npm, once a run. It does so
 * while other tests run; `madeByRun` waits for it.
 */

import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { TestProject } from "vitest/node";

import { makeForRun } from "../support/made-by-run.ts";
import { runTool } from "./run-tool.ts";

const WORKSPACE = fileURLToPath(new URL("../..", import.meta.url));
const NOT_COPIED = new Set(["node_modules", "dist", ".cache", ".git"]);
const PACKED = ["shared", "worker", "producer", "poolmq", "create-poolmq"];

/** What all files of a run share. Nobody changes it. */
export interface PackedRun {
  /** The packed packages. */
  readonly tarballs: readonly string[];
  /** A user's project in which npm has installed them. */
  readonly project: string;
}

declare module "vitest" {
  interface ProvidedContext {
    /** The file that `madeByRun` waits for. */
    packed: string;
  }
}

let temporary: string | undefined;
let packing: Promise<void> | undefined;

/** Called by Vitest before the first test file. */
export async function setup(project: TestProject): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "pq-packed-"));
  temporary = folder;
  const made = join(folder, "made.json");
  project.provide("packed", made);
  packing = makeForRun(made, () => packedProject(folder));
}

/** Called by Vitest after the last test file. */
export async function teardown(): Promise<void> {
  await packing;
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
}

/**
 * Builds and packs the packages from a copy of the workspace, which holds no earlier build, and installs the tarballs
 * with npm in an empty project, install scripts off.
 */
async function packedProject(folder: string): Promise<PackedRun> {
  const copy = join(folder, "workspace");
  await cp(WORKSPACE, copy, { recursive: true, filter: (source) => !NOT_COPIED.has(basename(source)) });
  await runTool(copy, "pnpm", "install", "--frozen-lockfile", "--prefer-offline", "--ignore-scripts");
  await runTool(copy, "pnpm", "build");
  const packed = join(folder, "tarballs");
  for (const name of PACKED) {
    await runTool(join(copy, "packages", name), "pnpm", "pack", "--pack-destination", packed);
  }
  const tarballs = (await readdir(packed)).map((file) => join(packed, file));
  const project = join(folder, "project");
  await mkdir(project);
  const manifest = { name: "user-project", private: true, type: "module" };
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund"];
  await runTool(project, "npm", "install", ...flags, ...tarballs, "@types/node@24");
  return { tarballs, project };
}

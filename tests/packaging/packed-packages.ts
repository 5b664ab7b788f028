import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { inject } from "vitest";

import { madeByRun } from "../support/made-by-run.ts";
import type { PackedRun } from "./packed-run.ts";
import { runTool } from "./run-tool.ts";

const WORKSPACE = fileURLToPath(new URL("../..", import.meta.url));

/** In the order in which they depend on each other. */
export const PACKAGE_NAMES = ["shared", "worker", "producer", "poolmq"] as const;

/** The name by which one installs and imports a package. */
export function nameOf(folder: (typeof PACKAGE_NAMES)[number]): string {
  return folder === "poolmq" ? "poolmq" : `@poolmq/${folder}`;
}

/** A user's project with the packed packages installed. */
export interface UserProject extends AsyncDisposable {
  readonly folder: string;
  /** The packed packages. */
  readonly tarballs: readonly string[];
  /** Where an installed package lies. */
  packageFolder(name: (typeof PACKAGE_NAMES)[number]): string;
  write(file: string, content: string): Promise<void>;
  /** Runs a program in the project and gives its standard output. */
  run(program: string, ...args: readonly string[]): Promise<string>;
  /** Type-checks the project, or the one in a folder of it, as strictly as a user may, and without `skipLibCheck`. */
  checkTypes(folder?: string): Promise<string>;
}

/**
 * A user's project of this file's own, with the packed packages installed. They are packed and installed once a run
 * (`packed-run.ts`); what npm made then is copied, which takes a tenth of the time.
 */
export async function userProjectWithPackedPackages(): Promise<UserProject> {
  const { project, tarballs } = await packedRun();
  const temporary = await mkdtemp(join(tmpdir(), "poolmq-packaging-"));
  const folder = join(temporary, "project");
  await cp(project, folder, { recursive: true, verbatimSymlinks: true });
  // Its lockfile names the packed packages by their place beside it.
  await symlink(join(project, "../tarballs"), join(temporary, "tarballs"));
  const run = (program: string, ...args: readonly string[]): Promise<string> =>
    runTool(folder, program, ...args);
  const write = (file: string, content: string): Promise<void> => writeFile(join(folder, file), content);
  await write("tsconfig.json", JSON.stringify(USER_TSCONFIG));
  return {
    folder,
    tarballs,
    packageFolder: (name) => join(folder, "node_modules", nameOf(name)),
    write,
    run,
    checkTypes: (within = ".") => run(join(WORKSPACE, "node_modules", ".bin", "tsc"), "--project", within),
    [Symbol.asyncDispose]: () => rm(temporary, { recursive: true }),
  };
}

/** What `packed-run.ts` has made, or makes. */
async function packedRun(): Promise<PackedRun> {
  const made = await madeByRun<PackedRun>(inject("packed"));
  if ("error" in made) throw new Error(`The packages could not be packed and installed: ${made.error}`);
  return made.value;
}

const USER_TSCONFIG = {
  compilerOptions: {
    target: "esnext",
    module: "nodenext",
    moduleResolution: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    allowImportingTsExtensions: true,
    noEmit: true,
  },
  include: ["*.ts"],
};

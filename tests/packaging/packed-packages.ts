import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runTool } from "./run-tool.ts";

const WORKSPACE = fileURLToPath(new URL("../..", import.meta.url));
const NOT_COPIED = new Set(["node_modules", "dist", ".cache", ".git"]);

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
 * Builds and packs the packages from a copy of the workspace, which holds no earlier build, and installs the tarballs
 * with npm in an empty project, install scripts off.
 */
export async function userProjectWithPackedPackages(): Promise<UserProject> {
  const temporary = await mkdtemp(join(tmpdir(), "poolmq-packaging-"));
  try {
    const tarballs = await packInto(temporary);
    return await installedProject(temporary, tarballs);
  } catch (error) {
    await rm(temporary, { recursive: true });
    throw error;
  }
}

async function packInto(temporary: string): Promise<string[]> {
  const copy = join(temporary, "workspace");
  await cp(WORKSPACE, copy, { recursive: true, filter: (source) => !NOT_COPIED.has(basename(source)) });
  await runTool(copy, "pnpm", "install", "--frozen-lockfile", "--prefer-offline", "--ignore-scripts");
  await runTool(copy, "pnpm", "build");
  const tarballs = join(temporary, "tarballs");
  for (const name of [...PACKAGE_NAMES, "create-poolmq"]) {
    await runTool(join(copy, "packages", name), "pnpm", "pack", "--pack-destination", tarballs);
  }
  return (await readdir(tarballs)).map((file) => join(tarballs, file));
}

async function installedProject(temporary: string, tarballs: readonly string[]): Promise<UserProject> {
  const folder = join(temporary, "project");
  const run = (program: string, ...args: readonly string[]): Promise<string> =>
    runTool(folder, program, ...args);
  const write = (file: string, content: string): Promise<void> => writeFile(join(folder, file), content);
  await mkdir(folder);
  await write("package.json", JSON.stringify({ name: "user-project", private: true, type: "module" }));
  await write("tsconfig.json", JSON.stringify(USER_TSCONFIG));
  await run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", ...tarballs, "@types/node@24");
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

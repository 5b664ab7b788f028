import { join } from "node:path";

import { defineConfig } from "vitest/config";

import { HOOK } from "./tests/support/bundles.ts";
import { LongestFirst } from "./tests/support/longest-first.ts";

/** Lets Vitest, and the processes that tests start, load the packages' sources: no build stands between edit and test. */
const SOURCE_CONDITION = "@poolmq/source";

/** Node's own conditions and ours; Vite's defaults would also take the bundlers' files of a dependency. */
const CONDITIONS = [SOURCE_CONDITION, "node"];

/** One project per folder of tests/. `--project unit` runs one of them. */
const FOLDERS = [
  "unit",
  "types",
  "contract",
  "behaviours",
  "integration",
  "faults",
  "browser",
  "examples",
  "packaging",
  "containers",
] as const;

/** Images are built and machines cut off in these, which takes longer than anything on one machine. */
const CONTAINER_TIMEOUT_MS = 180_000;
/** Packing installs packages from the registry; the rest is bounded so that a hang is a failure and not a stuck run. */
const PACKAGING_TIMEOUT_MS = 120_000;
/** Most tests take a second or two. This is for a computer that has other things to do. */
const TEST_TIMEOUT_MS = 60_000;
/** Vitest's default of a second is too short for what a busy computer does. */
const POLL_TIMEOUT_MS = 10_000;

/**
 * Run after the others. Containers make and remove networks of the machine, and a browser drops what it is loading then.
 * Most of the others come with them, so that no core is idle while they wait.
 */
const LATER: ReadonlySet<(typeof FOLDERS)[number]> = new Set(["integration", "faults", "containers"]);

/**
 * The number of files that run at once, for the two cores that the suite is meant for. Those of the first group keep the
 * processors busy: compilers, package managers, a browser. Those of the second one wait for nine tenths of their time, for
 * locks, outages and processes that start, so that more of them are needed to keep both cores busy.
 */
const WORKERS_AT_FIRST = 5;
const WORKERS_LATER = 6;

/**
 * Their files change nothing that others see, so that those of one process share the modules that they load: to load them
 * afresh for each file was more than half of the CPU time of these tests.
 */
const SHARES_MODULES: ReadonlySet<(typeof FOLDERS)[number]> = new Set(["unit", "types", "contract"]);

/**
 * Their files use the packages as users do, by their doors, and get the build (`HOOK`) from Node's own loader: 30 files,
 * where Vitest would send each process 300 sources one by one, which was half of the CPU time of a small file.
 */
const TAKES_BUILD: ReadonlySet<(typeof FOLDERS)[number]> = new Set(["behaviours"]);
const DOORS = /\/packages\/\w+\/src\/(index|internal|redis|task|local|control|progress)\.ts$/;
/** A pool loads the tasks module by Node's loader too: a test that gives it a function must have got the same one. */
const TASKS = /\/tests\/fixtures\//;

/** What is looked for or made once a run: the image, the browser, the packed packages. */
const SETUPS: Partial<Record<(typeof FOLDERS)[number], string[]>> = {
  browser: ["tests/support/browser-run.ts"],
  containers: ["tests/support/container-run.ts"],
  packaging: ["tests/packaging/packed-run.ts"],
};

/** Tests whose assertions only a compiler can refute: Vitest runs it and takes its errors for their failures. */
const TYPECHECK = {
  enabled: true,
  include: ["tests/types/**/*.test-d.ts"],
  tsconfig: "tests/types/tsconfig.json",
};

// As `npm test` does: else Node would keep what it compiles in the temporary folders that tests look into.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, ".cache/compiled");

function timeoutOf(folder: (typeof FOLDERS)[number]): number {
  if (folder === "containers") return CONTAINER_TIMEOUT_MS;
  if (folder === "packaging") return PACKAGING_TIMEOUT_MS;
  return TEST_TIMEOUT_MS;
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // A test that passes at the second try has found something.
    retry: 0,
    globalSetup: ["tests/support/nothing-left.ts", "tests/support/bundles.ts"],
    projects: FOLDERS.map((folder) => ({
      resolve: { conditions: CONDITIONS },
      ssr: { resolve: { conditions: CONDITIONS } },
      test: {
        name: folder,
        include: [`tests/${folder}/**/*.test.ts`],
        ...(folder === "types" ? { typecheck: TYPECHECK } : {}),
        globalSetup: SETUPS[folder] ?? [],
        sequence: { groupOrder: LATER.has(folder) ? 1 : 0 },
        maxWorkers: LATER.has(folder) ? WORKERS_LATER : WORKERS_AT_FIRST,
        environment: "node" as const,
        pool: "forks" as const,
        isolate: !SHARES_MODULES.has(folder),
        ...(TAKES_BUILD.has(folder) ? { server: { deps: { external: [DOORS, TASKS] } } } : {}),
        // The condition is for what Vitest leaves to Node's own loader; forked processes inherit it, and the bundled
        // dependencies, from which they start in less time. The last flag is what
        // poolmq sets too before it starts threads (keep-wasm-code.ts); some tests start threads of their own.
        execArgv: [`--conditions=${SOURCE_CONDITION}`, `--require=${HOOK}`, "--no-wasm-code-gc"],
        testTimeout: timeoutOf(folder),
        expect: { poll: { timeout: POLL_TIMEOUT_MS } },
        hookTimeout: timeoutOf(folder),
      },
    })),
  },
});

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blocksOf, programsOf } from "../examples/markdown-blocks.ts";
import { nameOf, PACKAGE_NAMES, userProjectWithPackedPackages, type UserProject } from "./packed-packages.ts";

let project: UserProject;

beforeAll(async () => {
  project = await userProjectWithPackedPackages();
});

afterAll(async () => {
  await project[Symbol.asyncDispose]();
});

interface Manifest {
  readonly exports: Record<string, Record<string, string> | string>;
  readonly bin?: Record<string, string>;
}

describe.each(PACKAGE_NAMES)("packages/%s, packed", (name) => {
  const manifestText = (): Promise<string> =>
    readFile(join(project.packageFolder(name), "package.json"), "utf8");
  const manifest = async (): Promise<Manifest> => JSON.parse(await manifestText()) as Manifest;

  /** Its files, without those of its own dependencies. */
  async function files(): Promise<string[]> {
    const entries = await readdir(project.packageFolder(name), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(project.packageFolder(name).length + 1))
      .filter((file) => !file.startsWith("node_modules/"));
  }

  test("ships its README and LICENSE", async () => {
    expect(await files()).toEqual(expect.arrayContaining(["README.md", "LICENSE"]));
  });

  test("ships sources, their builds, the files of its page and nothing else", async () => {
    const shipped = await files();
    const unexpected = shipped.filter(
      (file) => !/^(src\/.+\.ts|dist\/.+\.(js|d\.ts)(\.map)?|page\/[\w-]+\.(js|css|html|svg))$/.test(file),
    );
    expect(unexpected.sort()).toEqual(["LICENSE", "README.md", "package.json"]);
    expect(shipped.filter((file) => /\.test\.|(^|\/)tests?\//.test(file))).toEqual([]);
    const sourceOf = (file: string): string =>
      file.replace(/^dist\//, "src/").replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
    // The files of `dist/parts` are made of many sources (scripts/lib/bundle-package.mjs).
    expect(
      shipped.filter((file) => /^dist\/(?!parts\/)/.test(file) && !shipped.includes(sourceOf(file))),
    ).toEqual([]);
  });

  test("names no workspace version that only the workspace knows", async () => {
    expect(await manifestText()).not.toContain("workspace:");
  });

  test("has every file that its exports and commands name", async () => {
    const { exports, bin = {} } = await manifest();
    const named = [
      ...Object.values(exports).flatMap((targets) =>
        typeof targets === "string" ? [targets] : Object.values(targets),
      ),
      ...Object.values(bin),
    ];
    const shipped = await files();
    expect(named.map((file) => file.replace(/^\.\//, "")).filter((file) => !shipped.includes(file))).toEqual(
      [],
    );
  });

  test("can be imported through each of its exports", async () => {
    // The command runs when it is imported; that of the test below.
    const doors = Object.keys((await manifest()).exports).filter(
      (door) => !/^\.\/(cli|package\.json)$/.test(door),
    );
    for (const door of doors) {
      const specifier = `${nameOf(name)}${door.slice(1)}`;
      const script = `console.log(Object.keys(await import(${JSON.stringify(specifier)})).length > 0)`;
      expect(await project.run("node", "--input-type=module", "--eval", script), specifier).toBe("true\n");
    }
  });
});

test("poolmq gives all that the packages for producers and for workers give", async () => {
  const script = `
    const [producer, worker, poolmq] = await Promise.all(
      ["@poolmq/producer", "@poolmq/worker", "poolmq"].map((name) => import(name)));
    const names = Object.keys({ ...producer, ...worker });
    console.log(names.filter((name) => poolmq[name] === undefined || poolmq[name] !== { ...producer, ...worker }[name]));`;
  expect(await project.run("node", "--input-type=module", "--eval", script)).toBe("[]\n");
});

test("npm would publish each package as it is, and sends nothing to find out", async () => {
  const published = project.tarballs.map(async (tarball) => {
    const output = await project.run("npm", "publish", tarball, "--dry-run", "--json");
    expect(output).toMatch(/"id": "(@poolmq\/\w+|poolmq|create-poolmq)@0\.1\.0"/);
  });
  // Side by side: npm waits for the registry for most of its time.
  await Promise.all(published);
});

test("an install stays light: whoever adds a dependency says in docs/typescript.md what it earns", async () => {
  const folders = (await project.run("npm", "ls", "--all", "--parseable")).trim().split("\n");
  const names = folders.map((folder) => folder.replace(/^.*node_modules\//, ""));
  // The first is the project, which has the types of Node beside ours.
  const brought = names.slice(1).filter((name) => !/^(@types\/node|undici-types|create-poolmq)$/.test(name));
  expect(new Set(brought).size, brought.join(" ")).toBeLessThanOrEqual(43);
});

test("the packed types hold in a strict project that checks its libraries too", async () => {
  await project.write(
    "imports.ts",
    `import * as producer from "@poolmq/producer";
import * as worker from "@poolmq/worker";
import * as shared from "@poolmq/shared";
import * as poolmq from "poolmq";
export const doors: object[] = [producer, worker, shared, poolmq];
`,
  );
  await project.checkTypes();
});

test("the packed command explains itself", async () => {
  const help = await project.run("node_modules/.bin/poolmq", "--help");
  expect(help).toContain("Usage: poolmq");
});

test("a program of a user's maps over local processes, with its types checked", async () => {
  await project.write("tasks.ts", "export function increment(x: number): number {\n  return x + 1;\n}\n");
  await project.write(
    "main.ts",
    `import { Pool } from "poolmq";
import type * as tasks from "./tasks.ts";

await using pool = new Pool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url), processes: 2 });
const results: number[] = await pool.map("increment", [1, 2, 3, 4, 5]);
console.log(results);
`,
  );
  await project.checkTypes();
  expect(await project.run("node", "main.ts")).toBe("[ 2, 3, 4, 5, 6 ]\n");
});

/** Preloaded: gives the files of BullMQ, of ioredis and of the copy of both that a process has loaded. */
const RECORDS_LOADS = `import { registerHooks } from "node:module";
const loaded = [];
registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});
globalThis.clientsLoaded = () => {
  if (loaded.length === 0) return "nothing recorded";
  return loaded.filter((url) => /\\/node_modules\\/(bullmq|ioredis)\\/|copied-clients/.test(url));
};
`;

test("a pool without Redis loads neither the Redis client nor BullMQ, in the program and in its processes", async () => {
  await project.write("records-loads.mjs", RECORDS_LOADS);
  await project.write("loads.js", "export const loads = () => globalThis.clientsLoaded();\n");
  await project.write(
    "shows-loads.mjs",
    `import { Pool } from "poolmq";
await using pool = new Pool({ tasks: new URL("./loads.js", import.meta.url), processes: 1 });
console.log(await pool.apply("loads", []), clientsLoaded());
`,
  );
  expect(await project.run("node", "--import", "./records-loads.mjs", "shows-loads.mjs")).toBe("[] []\n");
});

test("BullMQ and ioredis are loaded from the copy, until one of the packages in it is updated", async () => {
  await project.write(
    "shows-clients.mjs",
    `import { Queue } from "@poolmq/shared/redis";
import { Queue as Installed } from "bullmq";
console.log(Queue === Installed);
`,
  );
  expect(await project.run("node", "shows-clients.mjs")).toBe("false\n");
  const copy = join(project.packageFolder("shared"), "dist/parts/copied-clients.js");
  expect(await readFile(copy, "utf8")).toMatch(
    /^\/\*!\nThis file has parts of these packages.+MIT License.+Apache/s,
  );

  const updated = "node_modules/denque/package.json";
  const manifest = await readFile(join(project.folder, updated), "utf8");
  await project.write(updated, manifest.replace(/"version": "[^"]+"/, '"version": "99.0.0"'));
  expect(await project.run("node", "shows-clients.mjs")).toBe("true\n");
  await project.write(updated, manifest);
});

test("npm create poolmq writes a project that type-checks and runs, and nothing into a folder that has something", async () => {
  expect(await project.run("node_modules/.bin/create-poolmq", "My App")).toContain("cd 'My App'");
  const app = join(project.folder, "My App");
  expect((await readdir(app)).toSorted()).toEqual(
    [".dockerignore", ".gitignore", "Dockerfile", "README.md", "compose.yaml"].concat([
      "main.ts",
      "package.json",
      "tasks.ts",
      "tsconfig.json",
    ]),
  );
  // The packages are found in the folder around it.
  const manifest = JSON.parse(await readFile(join(app, "package.json"), "utf8")) as Record<string, object>;
  expect(manifest).toMatchObject({ name: "my-app", dependencies: { poolmq: "^0.1.0" } });
  await project.checkTypes("My App");
  expect(await project.run("node", "My App/main.ts")).toBe("78498 primes below a million\n");
  await expect(project.run("node_modules/.bin/create-poolmq", "My App")).rejects.toThrow("is not empty");
});

test("the README's first program runs where there is Node and nothing else: no Redis, and nothing on PATH", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const { files } = programsOf(blocksOf(readme));
  for (const file of ["tasks.ts", "main.ts"]) await project.write(file, files[file] ?? "");
  const output = await project.run("env", "-i", "PATH=/nonexistent", process.execPath, "main.ts");
  expect(output).toBe("[ 2, 3, 4, 5, 6 ]\n");
});

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { descendantsOf, isRunning, processesNaming } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { runExample, startExample } from "./example.ts";

const MAIN = "sizes/main.ts";
/** Node reads no file of 2 GiB or more in one piece. Its content is a hole, which takes no room on the disk. */
const TOO_LARGE_BYTES = 2 ** 31;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "poolmq-sizes-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files below a new folder. */
function makeFolder(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(folder, name);
  mkdirSync(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

/** The row that the table must have for these files. */
function expectedRow(name: string, paths: readonly string[]): string {
  let [bytes, gzip, brotli] = [0, 0, 0];
  for (const path of paths) {
    const content = readFileSync(path);
    bytes += content.length;
    gzip += gzipSync(content, { level: 6 }).length;
    brotli += brotliCompressSync(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 7,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }).length;
  }
  return [name, paths.length, human(bytes), human(gzip), human(brotli)].join(" ");
}

function human(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}

/** Lines of the output, with the spaces between the columns of the table made one. */
function linesOf(output: string): string[] {
  return output.split("\n").map((line) => line.replaceAll(/ {2,}/g, " ").trim());
}

test("sizes are those of node:zlib, by package, each file once", async () => {
  const text = (n: number): string => Array.from({ length: n }, (_, i) => `line ${i} of ${n}\n`).join("");
  const root = makeFolder("modules", {
    "node_modules/.pnpm/left@1.0.0/node_modules/left/index.js": text(900),
    "node_modules/.pnpm/left@1.0.0/node_modules/left/empty.txt": "",
    "node_modules/.pnpm/@scope+right@2.0.0/node_modules/@scope/right/a.js": text(40),
    "node_modules/.pnpm/@scope+right@2.0.0/node_modules/@scope/right/lib/b.js": text(30),
    "src/main.ts": text(5),
    "README.md": "# hello\n",
  });
  symlinkSync(".pnpm/left@1.0.0/node_modules/left", join(root, "node_modules/left"));
  symlinkSync("README.md", join(root, "LINK.md"));
  symlinkSync("nowhere", join(root, "dangling"));

  const { code, output } = await runExample(MAIN, { args: [root] });

  const store = join(root, "node_modules/.pnpm");
  const left = ["index.js", "empty.txt"].map((file) => join(store, "left@1.0.0/node_modules/left", file));
  const right = ["a.js", "lib/b.js"].map((file) =>
    join(store, "@scope+right@2.0.0/node_modules/@scope/right", file),
  );
  const [main, readme] = [join(root, "src/main.ts"), join(root, "README.md")];
  const lines = linesOf(output);
  const head = lines.indexOf("package files bytes gzip brotli");
  expect(lines[0]).toContain(": 6 files,");
  expect(lines.slice(head + 1, head + 6)).toEqual([
    expectedRow("left", left),
    expectedRow("@scope/right", right),
    expectedRow("src/", [main]),
    expectedRow("./", [readme]),
    expectedRow("total", [...left, ...right, main, readme]),
  ]);
  expect(output).toContain("both came to the same sizes for every file");
  expect(code).toBe(0);
});

test("a file that can't be read is counted and told", async () => {
  const root = makeFolder("unreadable", { "good.txt": "good\n", huge: "", secret: "secret\n" });
  truncateSync(join(root, "huge"), TOO_LARGE_BYTES);
  chmodSync(join(root, "secret"), 0);

  const { code, output } = await runExample(MAIN, { args: [root] });

  // Permissions do not stop the superuser.
  const unreadable = process.getuid?.() === 0 ? "1 file could" : "2 files could";
  expect(output).toContain(`${unreadable} not be read`);
  expect(output).toContain("ERR_FS_FILE_TOO_LARGE");
  expect(linesOf(output)).toContainEqual(expect.stringMatching(/^total [12] /));
  expect(code).toBe(0);
});

test("twenty packages are listed, and the others added up", async () => {
  const names = Array.from({ length: 23 }, (_, i) => `package-${String(i).padStart(2, "0")}`);
  const files = names.map((name, i) => [`node_modules/${name}/index.js`, "x".repeat(900 - i)]);
  const root = makeFolder("many", Object.fromEntries(files) as Record<string, string>);

  const { output } = await runExample(MAIN, { args: [root] });

  const paths = names.map((name) => join(root, "node_modules", name, "index.js"));
  expect(linesOf(output)).toContain(expectedRow("package-19", paths.slice(19, 20)));
  expect(linesOf(output)).toContain(expectedRow("3 more", paths.slice(20)));
  expect(linesOf(output)).toContain(expectedRow("total", paths));
  expect(output).not.toContain("package-20");
});

test.each([
  ["a folder that is not there", ["/no/such/folder"], "poolmq: There is no folder /no/such/folder\n"],
  ["two folders", ["a", "b"], "poolmq: Expected one folder, got 2\n"],
])("%s is refused", async (_, args, output) => {
  expect(await runExample(MAIN, { args })).toEqual({ code: 1, output });
});

test("a file in place of a folder is refused", async () => {
  const file = join(makeFolder("file", { "a.txt": "a" }), "a.txt");
  const output = `poolmq: ${file} is not a folder\n`;
  expect(await runExample(MAIN, { args: [file] })).toEqual({ code: 1, output });
});

test("an empty folder is refused", async () => {
  const root = makeFolder("empty", {});
  const output = `poolmq: ${root} holds no file to look at (links are not followed)\n`;
  expect(await runExample(MAIN, { args: [root] })).toEqual({ code: 1, output });
});

test("--help says what it does", async () => {
  const { code, output } = await runExample(MAIN, { args: ["--help"] });
  expect(output).toMatch(/^Usage: npm start/);
  expect(code).toBe(0);
});

test("Ctrl-C leaves no process behind", async () => {
  await using program = startExample(MAIN);
  const worker = "examples/sizes/tasks.ts";
  const descendants = await until(
    () => {
      const found = descendantsOf(program.pid);
      return processesNaming(worker).some(({ pid }) => found.includes(pid)) && found;
    },
    { what: "the worker processes to start" },
  );
  program.kill("SIGINT");
  expect(await program.exited).toEqual({ code: null, signal: "SIGINT" });
  await until(() => !descendants.some((pid) => isRunning(pid)), { what: "the processes to end" });
});

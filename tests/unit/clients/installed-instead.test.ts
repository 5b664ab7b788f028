import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { installedInstead } from "../../../packages/shared/src/clients/installed-instead.ts";
import type { Copied } from "../../../packages/shared/src/clients/installed-instead.ts";

const COPIED: readonly Copied[] = [
  ["queue", "1.0.0"],
  ["client", "2.0.0"],
  ["parser", "3.0.0", 1],
];

let folder: string;
/** The file that asks. */
let url: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "poolmq-installed-"));
  url = pathToFileURL(join(folder, "node_modules/shared/dist/parts/part.js")).href;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Installs a package that exports its version. */
function install(place: string, version: string): void {
  const path = join(folder, place);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "package.json"), JSON.stringify({ version }));
  writeFileSync(join(path, "index.js"), `module.exports = "${version}";`);
}

function installAsCopied(): void {
  install("node_modules/queue", "1.0.0");
  install("node_modules/client", "2.0.0");
  install("node_modules/client/node_modules/parser", "3.0.0");
}

test("the copy is taken while all packages in it have the versions that are installed", () => {
  installAsCopied();
  // Not the one that the client finds.
  install("node_modules/parser", "4.0.0");
  expect(installedInstead(COPIED, url)).toBeUndefined();
});

test.each([
  ["a package", "node_modules/queue"],
  ["a package that another one needs", "node_modules/client/node_modules/parser"],
])("what is installed is loaded where %s has another version", (_, place) => {
  installAsCopied();
  install(place, "1.2.3");
  const installed = installedInstead(COPIED, url);
  expect(installed?.("queue")).toBe(place.endsWith("queue") ? "1.2.3" : "1.0.0");
  expect(installed?.("client")).toBe("2.0.0");
});

test("what a package needs is looked for where the package is kept, and not where a link to it is", () => {
  installAsCopied();
  install("store/client@2/node_modules/client", "2.0.0");
  install("store/client@2/node_modules/parser", "3.0.1");
  rmSync(join(folder, "node_modules/client"), { recursive: true });
  symlinkSync(join(folder, "store/client@2/node_modules/client"), join(folder, "node_modules/client"));
  expect(installedInstead(COPIED, url)).toBeDefined();
});

test("the copy is taken in a user's bundle: nothing is installed there, or its file has no URL", () => {
  expect(installedInstead(COPIED, url)).toBeUndefined();
  expect(installedInstead(COPIED, undefined)).toBeUndefined();
  expect(installedInstead(COPIED, "https://example.com/bundle.js")).toBeUndefined();
});

test("POOLMQ_INSTALLED_CLIENTS=1 has the installed packages loaded, whatever their versions", () => {
  installAsCopied();
  mkdirSync(dirname(new URL(url).pathname), { recursive: true });
  vi.stubEnv("POOLMQ_INSTALLED_CLIENTS", "1");
  expect(installedInstead(COPIED, url)?.("client")).toBe("2.0.0");
});

import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const PACKAGES = new URL("../../../packages/", import.meta.url);

/** What an import of a sibling's door leads to: `@poolmq/shared/internal` to `shared/src/internal.ts`. */
function doorOf(specifier: string): URL | undefined {
  const [, name, door = "index"] = /^@poolmq\/(\w+)(?:\/(\w+))?$/.exec(specifier) ?? [];
  return name === undefined ? undefined : new URL(`${name}/src/${door}.ts`, PACKAGES);
}

/** Other packages that are loaded with a file of ours, each with the file that imports it. Imports of types load nothing. */
function loadedWith(entry: string): Map<string, string> {
  const packages = new Map<string, string>();
  const seen = new Set<string>();
  const left = [new URL(entry, PACKAGES)];
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (seen.has(file.href)) continue;
    seen.add(file.href);
    expect(existsSync(file), file.href).toBe(true);
    const source = readFileSync(file, "utf8");
    for (const [, specifier = ""] of source.matchAll(
      /^(?:import|export)\b(?! type\b)(?:[^;"]*? from)? "([^"]+)"/gm,
    )) {
      const ours = specifier.startsWith(".") ? new URL(specifier, file) : doorOf(specifier);
      if (ours !== undefined) left.push(ours);
      else if (!specifier.startsWith("node:")) packages.set(specifier, file.href.slice(PACKAGES.href.length));
    }
  }
  return packages;
}

test.each([
  ["a program that calls", "producer/src/index.ts"],
  ["a pool that starts workers of its own", "worker/src/local.ts"],
  ["a tasks module", "worker/src/index.ts"],
  ["a worker process", "worker/src/child/main.ts"],
  ["a thread", "worker/src/child/thread-main.ts"],
  ["a pool that starts its machine", "producer/src/engine/redis-backend.ts"],
  ["a machine that starts its processes", "worker/src/local/local-main.ts"],
])("%s loads neither the Redis client nor BullMQ", (_, entry) => {
  const packages = loadedWith(entry);
  expect(packages.get("ioredis")).toBeUndefined();
  expect(packages.get("bullmq")).toBeUndefined();
});

test("the imports of a file that needs Redis are seen", () => {
  const packages = loadedWith("producer/src/engine/open-queue.ts");
  expect([...packages.keys()]).toEqual(expect.arrayContaining(["ioredis", "bullmq"]));
});

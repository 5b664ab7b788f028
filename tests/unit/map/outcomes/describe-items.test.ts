import { expect, test } from "vitest";

import { TaskTimeoutError } from "@poolmq/shared";
import { encodeArguments } from "@poolmq/shared/internal";

import type { DescribeItem } from "../../../../packages/producer/src/map/outcomes/describe-items.ts";
import { describeItems } from "../../../../packages/producer/src/map/outcomes/describe-items.ts";

function described(describe: DescribeItem): string {
  const by = { task: "resize", index: 0, attempt: 1, worker: "w", pid: 1 };
  const error = new TaskTimeoutError({ by, timeoutMs: 100 });
  const args = encodeArguments("one", ["a.png"], { role: "argument" });
  describeItems({ at: 0, n: 1, args, shares: [] }, [{ ok: false, error }], describe);
  return error.message;
}

test("what the caller's function gives is told of the item", () => {
  expect(described((name) => `picture ${String(name)}`)).toMatch(/Its arguments: picture a\.png$/);
});

test.for([
  ["an error", new TypeError("no name"), "TypeError: no name"],
  ["what has no text", Object.create(null) as unknown, "what has no text"],
] as const)(
  "that the caller's function threw %s is told, and the item keeps its error",
  ([, thrown, text]) => {
    const throws = (): never => {
      throw thrown;
    };
    expect(described(throws)).toContain(`not shown, because \`describeItem\` threw ${text}`);
  },
);

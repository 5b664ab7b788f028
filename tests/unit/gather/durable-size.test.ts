import { expect, test } from "vitest";

import { checkDurableSize } from "../../../packages/producer/src/gather/kinds/durable-size.ts";

const MIB = 1024 * 1024;

test("a durable map may have as many items as have their four bytes in one string of Redis", () => {
  checkDurableSize(2 ** 27, undefined);
  expect(() => checkDurableSize(2 ** 27 + 1, undefined)).toThrow(
    /^Expected a map with a `mapId` to have at most 134217728 items, got 134217729: .*`proto-max-bulk-len`/,
  );
});

test("a server that takes less is told of; limits of other things than a string do not count", () => {
  const message = /at most 262144 items, got 300000: .* at most 1048576 bytes/;
  expect(() => checkDurableSize(300_000, { bytes: MIB, setting: "proto-max-bulk-len" })).toThrow(message);
  checkDurableSize(300_000, { bytes: MIB, setting: "client-output-buffer-limit" });
});

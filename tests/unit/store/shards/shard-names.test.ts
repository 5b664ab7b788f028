import { shardNames } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

import { slotOf } from "../../../../packages/shared/src/store/shards/shard-names.ts";

test("slots are those of Redis Cluster", () => {
  // From the specification of Redis Cluster.
  expect(slotOf("123456789")).toBe(0x31c3);
  expect(slotOf("foo")).toBe(12_182);
});

test("the first name is that of the queue, and the names for k are the first k of those for more", () => {
  expect(shardNames("default", 1)).toEqual(["default"]);
  const names = shardNames("default", 64);
  expect(new Set(names).size).toBe(64);
  for (const count of [2, 3, 17]) expect(shardNames("default", count)).toEqual(names.slice(0, count));
  for (const name of names) expect(name).toMatch(/^[\w.-]{1,100}$/);
});

test("the names stay as they are, or running queues would be lost", () => {
  expect(shardNames("default", 4)).toMatchInlineSnapshot(`
    [
      "default",
      "default.1-3",
      "default.2-1",
      "default.3-40",
    ]
  `);
});

test.for([2, 3, 4, 6, 8])("on %i equal nodes, none has more than its share, but for one of them", (nodes) => {
  for (const queue of ["default", "thumbnails", "a", "reports.eu-west"]) {
    const counts = Array.from({ length: nodes }, () => 0);
    for (const name of shardNames(queue, nodes)) {
      const node = Math.floor((slotOf(name) * nodes) / 16_384);
      counts[node] = (counts[node] ?? 0) + 1;
    }
    expect(Math.max(...counts), `${queue}: ${counts.join(" ")}`).toBeLessThanOrEqual(nodes <= 3 ? 1 : 2);
  }
});

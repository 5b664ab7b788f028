import { expect, test } from "vitest";

import { sharePlaces } from "../../../packages/worker/src/queue/share-places.ts";
import type { Demand } from "../../../packages/worker/src/queue/share-places.ts";

/** `wants` of a queue that was served at that time. */
function queue(held: number, wants: boolean, servedAt = 0): Demand {
  return { held, wants, servedAt };
}

test.for<[string, number, Demand[], number[]]>([
  ["one queue has all places", 8, [queue(3, true)], [8]],
  ["two that want more have half of them each", 8, [queue(0, true), queue(0, true)], [4, 4]],
  ["the share of one that wants nothing is lent", 8, [queue(2, true), queue(0, false)], [8, 0]],
  [
    "what one that wants nothing more still runs keeps its places",
    8,
    [queue(1, true), queue(3, false)],
    [5, 3],
  ],
  ["one above its share makes room for another", 8, [queue(8, true), queue(0, true)], [4, 0]],
  [
    "each place that becomes free goes to the one below its share",
    8,
    [queue(6, true), queue(1, true)],
    [4, 2],
  ],
  [
    "what can't be divided goes to the one that was served longest ago",
    3,
    [queue(0, true, 9), queue(0, true, 8)],
    [1, 2],
  ],
  [
    "of one place, the one that was served longest ago has its turn",
    1,
    [queue(1, true, 2), queue(0, true, 1)],
    [0, 0],
  ],
  ["and has it once it is free", 1, [queue(0, true, 2), queue(0, true, 1)], [0, 1]],
  [
    "a place that is free is given once",
    4,
    [queue(3, true, 3), queue(0, true, 1), queue(0, true, 2)],
    [1, 1, 0],
  ],
  ["fewer places than are taken are given to nobody", 2, [queue(4, true), queue(2, false)], [0, 2]],
])("%s", ([, capacity, queues, places]) => {
  expect(sharePlaces(capacity, queues)).toEqual(places);
});

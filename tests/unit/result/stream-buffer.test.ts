import { expect, test } from "vitest";

import { StreamBuffer } from "../../../packages/producer/src/result/stream-buffer.ts";

function readAll(buffer: StreamBuffer<unknown>): unknown[] {
  const items: unknown[] = [];
  for (let item = buffer.poll(); item !== undefined; item = buffer.poll()) {
    items.push(item.ok ? item.value : item.error);
  }
  return items;
}

test("gives results in input order, however they come, and failures in their turn", () => {
  const buffer = new StreamBuffer<unknown>(true);
  let taken = 0;
  buffer.onTaken = () => taken++;
  buffer.succeededAll(3, [3, 4]);
  buffer.failed(2, "2 failed");
  expect(readAll(buffer)).toEqual([]);
  buffer.succeededAll(0, [undefined]);
  expect(readAll(buffer)).toEqual([undefined]);
  buffer.succeeded(6, "6");
  buffer.succeeded(1, 1);
  expect(readAll(buffer)).toEqual([1, "2 failed", 3, 4]);
  buffer.succeededAll(5, [5]);
  expect(readAll(buffer)).toEqual([5, "6"]);
  expect(taken).toBe(7);
});

test("gives results in the order in which they come, if the stream is unordered", () => {
  const buffer = new StreamBuffer<unknown>(false);
  buffer.succeededAll(3, [3, 4]);
  expect(buffer.poll()).toEqual({ ok: true, value: 3 });
  buffer.failed(2, "2 failed");
  buffer.succeededAll(0, [0, 1]);
  expect(readAll(buffer)).toEqual([4, "2 failed", 0, 1]);
});

test("gives what is there to reads that wait, then the error of the map once, then the end", () => {
  const buffer = new StreamBuffer<unknown>(true);
  const got: unknown[] = [];
  const read = (): void =>
    buffer.take({
      deliver: (item) => void got.push(item.ok ? item.value : item.error),
      finish: () => void got.push("end"),
    });
  for (let i = 0; i < 3; i++) read();
  buffer.succeededAll(0, [0, 1, 2, 3]);
  buffer.succeeded(9, 9);
  expect(got).toEqual([0, 1, 2]);
  buffer.ended({ error: "cancelled" });
  for (let i = 0; i < 3; i++) read();
  expect(got).toEqual([0, 1, 2, 3, "cancelled", "end"]);
});

test("keeps no value that was read, and nothing once it is closed", () => {
  const buffer = new StreamBuffer<unknown>(true);
  const values: unknown[] = [Buffer.alloc(1), "text", 7, {}];
  buffer.succeededAll(0, values);
  for (let i = 0; i < 3; i++) buffer.poll();
  expect(values).toEqual([undefined, undefined, 7, {}]);
  buffer.succeededAll(4, [4]);
  buffer.close();
  buffer.succeededAll(5, [5]);
  expect(readAll(buffer)).toEqual([]);
});

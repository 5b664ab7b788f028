import type { TaskLog } from "@poolmq/producer";
import { TaskLogs } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

function collected() {
  const told: TaskLog[] = [];
  return { told, logs: new TaskLogs((log) => void told.push(log)) };
}

const batch = (lines: unknown): string => JSON.stringify({ worker: "w", pid: 7, attempt: 2, lines });

test("a map brings ten thousand lines, and then how many more there were", () => {
  const { told, logs } = collected();
  for (let index = 0; index < 99; index++) logs.take(index, batch(Array(101).fill(["stdout", "x"])));
  expect(logs.wanted).toBe(true);
  logs.take(99, batch(Array(101).fill(["stdout", "x"])));
  logs.take(
    100,
    batch([
      ["stdout", "x"],
      ["dropped", 50],
    ]),
  );
  expect(told).toHaveLength(10_000);
  expect(logs.wanted).toBe(false);
  logs.end();
  expect(told.at(-1)).toEqual({
    index: undefined,
    attempt: 0,
    worker: "",
    pid: 0,
    from: "poolmq",
    level: 40,
    message: "151 more lines of this map are not shown",
    fields: { dropped: 151 },
  });
});

test.each([
  "",
  "{",
  "null",
  "[]",
  '{"lines":7}',
  batch([null, 7, [], ["stdout"], ["stdout", 7], ["dropped", "7"], ["elsewhere", "x"]]),
])("what is no batch of lines is dropped: %s", (text) => {
  const { told, logs } = collected();
  logs.take(0, text);
  logs.end();
  expect(told).toEqual([]);
});

test("a record that is none, or was cut, is a line", () => {
  const { told, logs } = collected();
  logs.take(
    3,
    batch([
      ["log", '{"level":30,"msg":"lo…'],
      ["log", '{"a":1}'],
    ]),
  );
  expect(told.map(({ message, level, fields }) => [message, level, fields])).toEqual([
    ['{"level":30,"msg":"lo…', 30, {}],
    ["", 30, { a: 1 }],
  ]);
});

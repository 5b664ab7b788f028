import { CallLine } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

const MOST = 1_000;

interface Call {
  readonly no: number;
  begin(): void;
}

/** A line all of whose places are taken, and what has begun since. */
function fullLine(places = 0): { line: CallLine; begun: number[]; waits: (no: number) => Call } {
  const line = new CallLine(() => places);
  while (!line.isFull) line.enter();
  const begun: number[] = [];
  const waits = (no: number): Call => {
    const call = {
      no,
      begin: () => {
        line.enter();
        begun.push(no);
      },
    };
    line.wait(call);
    return call;
  };
  return { line, begun, waits };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("as many begin as have left, in the order in which they came", async () => {
  const { line, begun, waits } = fullLine();
  for (let no = 0; no < 5; no++) waits(no);
  line.leave();
  line.leave();
  // Not in the middle of a loop that ends all calls.
  expect(begun).toEqual([]);
  await nextTurn();
  expect(begun).toEqual([0, 1]);
  line.leave();
  await nextTurn();
  expect(begun).toEqual([0, 1, 2]);
});

test("who comes while a place is free and others wait is behind them", () => {
  const { line, waits } = fullLine();
  waits(0);
  line.leave();
  expect(line.isFull).toBe(true);
});

test("a call that gave up does not begin, and those behind it do", async () => {
  const { line, begun, waits } = fullLine();
  const calls = Array.from({ length: 10_000 }, (_, no) => waits(no));
  line.leave();
  await nextTurn();
  for (const call of calls.slice(1, 9_999)) line.giveUp(call);
  line.leave();
  await nextTurn();
  line.leave();
  await nextTurn();
  expect(begun).toEqual([0, 9_999]);
  waits(10_000);
  line.leave();
  await nextTurn();
  expect(begun).toEqual([0, 9_999, 10_000]);
});

test("a call of which something is wrong takes no place", async () => {
  const { line, begun, waits } = fullLine();
  line.wait({ begin: () => {} });
  waits(1);
  line.leave();
  await nextTurn();
  expect(begun).toEqual([1]);
});

test("a large fleet has more under way", () => {
  let calls = 0;
  const line = new CallLine(() => MOST);
  for (; !line.isFull; calls++) line.enter();
  expect(calls).toBe(4 * MOST);
});

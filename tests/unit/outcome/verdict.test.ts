import { afterCut, mayBeCut, skippedOf, verdictOn } from "@poolmq/worker/local";
import type { RunEnd } from "@poolmq/worker/internal";
import { describe, expect, test } from "vitest";

type Context = Parameters<typeof verdictOn>[1];

const PID = 42;
const DATA: Context["data"] = { v: 2, map: "m", at: 10, n: 1, args: "[[1]]" };
const CHUNK: Context["data"] = { ...DATA, n: 3, args: "[[1],[2],[3]]" };
const OK = { s: "ok", value: "1" } as const;
const EXIT = { exitCode: 7, signal: null, outOfMemory: false };

function context(changes: Partial<Context> = {}): Context {
  return {
    data: DATA,
    attempt: 1,
    attempts: 1,
    workerLossAttempts: 3,
    timeoutMs: undefined,
    info: (offset, pid) => ({ task: "f", index: 10 + offset, attempt: 1, worker: "w", pid }),
    ...changes,
  };
}

function done(text: string, retriable = 0): RunEnd {
  return { kind: "done", text, retriable, ms: 1, pid: PID, outcomes: new Map(), running: undefined };
}

function lost(running: number | undefined, outcomes = new Map<number, typeof OK>()): RunEnd {
  return { kind: "lost", exit: EXIT, pid: PID, outcomes, running };
}

function threw(index: number, final?: true) {
  return {
    s: "threw",
    thrown: "{}",
    by: { task: "f", index, attempt: 1, worker: "w", pid: PID },
    ...(final === undefined ? {} : { final }),
  } as const;
}

test("a job whose items succeeded is published as the child wrote it", () => {
  expect(verdictOn(done("=[1]"), context())).toEqual({ do: "publish", text: "=[1]", bytes: undefined });
});

test("a cancelled job is dropped, one that was not begun runs again, uncharged", () => {
  expect(verdictOn({ kind: "cancelled" }, context())).toEqual({ do: "drop" });
  expect(verdictOn({ kind: "unstarted" }, context())).toEqual({ do: "again", data: DATA });
});

describe("an item that threw", () => {
  const text = `!${JSON.stringify([threw(10)])}`;

  test("is tried again while it has attempts left", () => {
    expect(verdictOn(done(text, 1), context({ attempts: 2 }))).toEqual({ do: "retry", data: DATA });
  });

  test("is published at its last attempt", () => {
    const verdict = verdictOn(done(text, 1), context({ attempt: 2, attempts: 2 }));
    expect(verdict).toMatchObject({ do: "publish", text });
  });

  test("is published at once if its definition says that another attempt would not mend it", () => {
    const final = `!${JSON.stringify([threw(10, true)])}`;
    expect(verdictOn(done(final, 0), context({ attempts: 9 }))).toMatchObject({ do: "publish", text: final });
  });

  test("leaves its neighbours' outcomes with the job, so that they do not run again", () => {
    const outcomes = [OK, threw(11), threw(12, true)];
    const verdict = verdictOn(done(`!${JSON.stringify(outcomes)}`, 1), context({ data: CHUNK, attempts: 2 }));
    expect(verdict).toEqual({
      do: "retry",
      data: {
        ...CHUNK,
        kept: [
          [0, OK],
          [2, threw(12, true)],
        ],
      },
    });
  });

  test("whose count of attempts was damaged is published, not tried for ever", () => {
    expect(verdictOn(done(text, 1), context({ attempts: Number.NaN }))).toMatchObject({ do: "publish" });
  });
});

describe("a lost process", () => {
  test("is charged to the item that ran, which is tried again", () => {
    expect(verdictOn(lost(0), context())).toEqual({
      do: "again",
      data: { ...DATA, suspect: { offset: 0, losses: 1 } },
    });
  });

  test("ends the item at the third loss, with what is known of the exit", () => {
    const suspect = { offset: 0, losses: 2 };
    const verdict = verdictOn(lost(0), context({ data: { ...DATA, suspect } }));
    expect(verdict.do === "publish" && JSON.parse(verdict.text.slice(1))).toMatchObject([
      { s: "failed", failure: { code: "WORKER_LOST", losses: 3, ...EXIT }, by: { index: 10, pid: PID } },
    ]);
  });

  test("of which nobody knows the item that ran makes the chunk suspect, not one of its items", () => {
    const before = verdictOn(lost(undefined), context({ data: CHUNK }));
    expect(before).toEqual({ do: "again", data: { ...CHUNK, suspect: { offset: null, losses: 1 } } });
  });

  test("counts from one again when another item of the chunk ran", () => {
    const suspect = { offset: 0, losses: 2 };
    const verdict = verdictOn(lost(1, new Map([[0, OK]])), context({ data: { ...CHUNK, suspect } }));
    expect(verdict).toEqual({
      do: "again",
      data: { ...CHUNK, kept: [[0, OK]], suspect: { offset: 1, losses: 1 } },
    });
  });

  test("of a chunk's last item publishes the others' outcomes beside the loss", () => {
    const data = { ...CHUNK, suspect: { offset: 2, losses: 2 } };
    const outcomes = new Map([
      [1, OK],
      [0, OK],
    ]);
    const verdict = verdictOn(lost(2, outcomes), context({ data }));
    expect(verdict.do === "publish" && JSON.parse(verdict.text.slice(1))).toMatchObject([
      OK,
      OK,
      { s: "failed", failure: { code: "WORKER_LOST" } },
    ]);
  });
});

test("a time limit fails the item that ran; the rest of its chunk goes on", () => {
  const end: RunEnd = { kind: "timeout", pid: PID, outcomes: new Map([[0, OK]]), running: 1 };
  const verdict = verdictOn(end, context({ data: CHUNK, timeoutMs: 50 }));
  expect(verdict).toMatchObject({
    do: "again",
    data: {
      kept: [
        [0, OK],
        [1, { s: "failed", failure: { code: "TASK_TIMEOUT", timeoutMs: 50 } }],
      ],
    },
  });
});

describe("a job of which items were taken back", () => {
  const cut = { ...CHUNK, cut: 2 };

  test("is done once those have their outcome that it kept", () => {
    expect(verdictOn(done("=[1,2]"), context({ data: cut }))).toMatchObject({
      do: "publish",
      text: "=[1,2]",
    });
    const outcomes = new Map([0, 1].map((offset) => [offset, OK] as const));
    const end: RunEnd = { ...done(""), outcomes } as RunEnd;
    const verdict = verdictOn(end, context({ data: cut }));
    expect(verdict).toEqual({ do: "publish", text: `!${JSON.stringify([OK, OK])}` });
  });

  test("is tried again for those alone", () => {
    const text = `!${JSON.stringify([OK, threw(11)])}`;
    const verdict = verdictOn(done(text, 1), context({ data: cut, attempts: 2 }));
    expect(verdict).toEqual({ do: "retry", data: { ...cut, kept: [[0, OK]] } });
  });

  test("charges a loss to an item that it kept, and gives up no other", () => {
    const verdict = verdictOn(lost(1, new Map([[0, OK]])), context({ data: cut, workerLossAttempts: 1 }));
    expect(verdict).toMatchObject({ do: "publish" });
    expect(JSON.parse((verdict as { text: string }).text.slice(1))).toHaveLength(2);
  });

  test("has not run before: what its items have behind them would be lost", () => {
    expect(mayBeCut(CHUNK, 1)).toBe(true);
    expect(mayBeCut(cut, 1)).toBe(true);
    expect(mayBeCut(DATA, 1)).toBe(false);
    expect(mayBeCut(CHUNK, 2)).toBe(false);
    expect(mayBeCut({ ...CHUNK, kept: [[0, OK]] }, 1)).toBe(false);
    expect(mayBeCut({ ...CHUNK, suspect: { offset: null, losses: 1 } }, 1)).toBe(false);
    expect(mayBeCut({ ...CHUNK, reduce: "add" }, 1)).toBe(false);
  });

  test("keeps the least that it was ever left with, and skips the rest when it runs again", () => {
    const end = { ...done("=[1]"), cut: 1 } as RunEnd;
    expect(afterCut(CHUNK, end)).toEqual({ ...CHUNK, cut: 1 });
    expect(afterCut(cut, { ...end, cut: 3 } as RunEnd)).toBe(cut);
    expect(afterCut(CHUNK, { ...end, cut: 3 } as RunEnd)).toBe(CHUNK);
    expect(skippedOf({ ...CHUNK, cut: 1, kept: [[0, OK]] })).toEqual([0, 1, 2]);
  });
});

test("of items that ran too long together, none is charged: those without an outcome run again, each alone", () => {
  const end: RunEnd = { kind: "timeout", pid: PID, outcomes: new Map([[0, OK]]), running: undefined };
  const verdict = verdictOn(end, context({ data: CHUNK, timeoutMs: 50, together: true }));
  const suspect = { offset: null, losses: 0 };
  expect(verdict).toEqual({ do: "again", data: { ...CHUNK, kept: [[0, OK]], suspect } });
});

test("of items that ran together, the one that was alone in its call is charged when it runs too long", () => {
  const end: RunEnd = { kind: "timeout", pid: PID, outcomes: new Map(), running: 0 };
  const verdict = verdictOn(end, context({ timeoutMs: 50, together: true }));
  expect(verdict).toMatchObject({ do: "publish", text: expect.stringContaining("TASK_TIMEOUT") });
});

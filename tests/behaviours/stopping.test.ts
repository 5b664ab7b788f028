import { describe, expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { Marks, rejection } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Two arguments that make `dies` behave. */
const fine = ({ log }: Marks): { log: string; how: "never"; losses: number } => ({
  log,
  how: "never",
  losses: 0,
});

/** What a program may give as a reason, and what throws once it is read. */
const UNREADABLE: Readonly<Record<string, () => unknown>> = {
  "an error whose message throws": () =>
    Object.defineProperty(new Error("x"), "message", {
      get() {
        throw new Error("unreadable");
      },
    }),
  "a proxy that throws": () =>
    new Proxy(new Error("x"), {
      get() {
        throw new Error("unreadable");
      },
    }),
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
};

onBothPools(({ shared, own }) => {
  test.for(Object.keys(UNREADABLE))("a map ends, whatever the reason is: %s", async (kind) => {
    const reason = UNREADABLE[kind]?.();
    const cancelled = shared().map("increment", [1]);
    cancelled.cancel(reason);
    const controller = new AbortController();
    const aborted = shared().map("increment", [1], { signal: controller.signal });
    controller.abort(reason);
    const refused = shared().map("increment", [1], { signal: AbortSignal.abort(reason) });
    for (const call of [cancelled, aborted, refused])
      expect(await rejection(call)).toMatchObject({ code: "CANCELLED" });
    expect(await rejection(shared().map<"echo">("echo", [UNREADABLE["a revoked proxy"]?.()]))).toMatchObject({
      code: "SERIALIZATION",
    });
  });

  describe("taskTimeoutMs", () => {
    test("fires the signal of an async function, and is the item's TaskTimeoutError", async () => {
      const marks = new Marks();
      const call = shared().map("heedsItsSignal", [marks.log], { taskTimeoutMs: 50 });
      expect(await rejection(call)).toMatchObject({
        name: "TaskTimeoutError",
        code: "TASK_TIMEOUT",
        timeoutMs: 50,
        remote: { task: "heedsItsSignal", index: 0, attempt: 1 },
      });
      expect(marks.lines).toEqual(["started", "AbortError"]);
    });

    test("ends an endless loop, and nobody else's item", async () => {
      const marks = new Marks();
      const pool = own({ workers: 2, workerLossAttempts: 1 });
      const [error, others] = await Promise.all([
        rejection(pool.map("spinForEver", [marks.log], { taskTimeoutMs: 60 })),
        pool.map("increment", [1, 2, 3]),
      ]);
      expect(error).toMatchObject({ code: "TASK_TIMEOUT", timeoutMs: 60 });
      expect(others).toEqual([2, 3, 4]);
      expect(marks.lines).toEqual(["spinning"]);
      expect(await pool.map("increment", [4])).toEqual([5]);
    });

    test("is for each item of a chunk by itself", async () => {
      const tuples: [number, unknown][] = [
        [30, "a"],
        [30, "b"],
        [60_000, "c"],
        [30, "d"],
      ];
      const call = own().starmap("echoLater", tuples, { chunksize: 4, taskTimeoutMs: 500 });
      const settled = await call.settled();
      expect(settled[2]).toMatchObject({ status: "rejected", reason: { code: "TASK_TIMEOUT" } });
      expect(settled.toSpliced(2, 1)).toEqual(
        ["a", "b", "d"].map((value) => ({ status: "fulfilled", value })),
      );
    });

    test("shows what the item was, if the call asks for it", async () => {
      const tuples: [number, unknown][] = [
        [60_000, { name: "a.png", tags: ["x".repeat(300)] }],
        [60_000, "b.png"],
      ];
      const options = { chunksize: 2, taskTimeoutMs: 30 };
      const messages = async (call: { settled(): Promise<PromiseSettledResult<unknown>[]> }) =>
        (await call.settled()).map((one) => (one.status === "rejected" ? (one.reason as Error).message : ""));
      const plain = await messages(shared().starmap("echoLater", tuples, options));
      expect(plain.join(" ")).not.toContain("arguments");
      const shown = await messages(shared().starmap("echoLater", tuples, { ...options, describeItem: true }));
      expect(shown[0]).toMatch(/and was stopped\. Its arguments: 60000, \{ name: 'a\.png', tags: \[ 'x{80}/);
      expect(shown[0]?.length).toBeLessThan(350);
      expect(shown[1]).toMatch(/Its arguments: 60000, 'b\.png'$/);
      const described = shared().starmap("echoLater", tuples, {
        ...options,
        describeItem: (_ms: number, value: unknown) => {
          if (typeof value === "string") return value;
          throw new TypeError("no name");
        },
      });
      const error = (await rejection(described)) as Error;
      expect(error.message).toMatch(/Its arguments: not shown, because `describeItem` threw TypeError/);
      expect(error.stack?.startsWith(`${error.name}: ${error.message}`)).toBe(true);
      expect((await messages(described))[1]).toMatch(/Its arguments: b\.png$/);
    });

    test("may come from the function's definition, and is tried again as any failure", async () => {
      const call = shared().map("impatient", [undefined], { attempts: 2 });
      expect(await rejection(call)).toMatchObject({
        code: "TASK_TIMEOUT",
        timeoutMs: 30,
        remote: { attempt: 2 },
      });
    });

    test("does not count the time that an item waits", async () => {
      const items = Array.from({ length: 6 }, (_, index) => [60, index] as const);
      expect(await own().starmap("echoLater", items, { taskTimeoutMs: 250 })).toEqual([0, 1, 2, 3, 4, 5]);
    });
  });

  describe("cancelling", () => {
    test("cancel() rejects at once, removes what waits, and fires the signal of what runs", async () => {
      const [marks, others] = [new Marks(), new Marks()];
      const pool = own();
      const call = pool.map("heedsItsSignal", [marks.log, marks.log, marks.log]);
      await marks.started(1);
      const reason = new Error("changed my mind");
      call.cancel(reason);
      expect(await rejection(call)).toMatchObject({ code: "CANCELLED", cause: reason });
      expect(await pool.map("gated", [{ log: others.log, gate: others.log }])).toEqual(["started"]);
      expect(marks.lines).toEqual(["started", "AbortError"]);
      expect((await call.settled()).map(({ status }) => status)).toEqual([
        "rejected",
        "rejected",
        "rejected",
      ]);
      call.cancel();
    });

    test("cancel() ends a loop that hears nothing, and the pool goes on", async () => {
      const marks = new Marks();
      const pool = own();
      const call = pool.map("spinForEver", [marks.log]);
      await marks.started(1);
      call.cancel();
      expect(await rejection(call)).toMatchObject({ code: "CANCELLED" });
      expect(await pool.map("increment", [1])).toEqual([2]);
    });

    test("cancel() of a chunk of items that each end soon costs no process, however long the chunk is", async () => {
      const marks = new Marks();
      const pool = own();
      expect(await pool.apply("countsHere", [])).toBe(1);
      const items = Array.from({ length: 400 }, (_, x) => ({ log: marks.log, x, ms: 10, blocks: true }));
      const call = pool.map("takesLong", items, { chunksize: items.length });
      await marks.started(1);
      call.cancel();
      expect(await rejection(call)).toMatchObject({ code: "CANCELLED" });
      expect(await pool.apply("countsHere", [])).toBe(2);
      expect(marks.lines.length).toBeLessThan(items.length);
    });

    test("a signal does the same; one that has fired already starts nothing", async () => {
      const marks = new Marks();
      const controller = new AbortController();
      const { signal } = controller;
      const call = shared().map("heedsItsSignal", [marks.log], { signal });
      const stream = shared().imap("increment", [1], { signal });
      expect((await stream.next()).value).toBe(2);
      await marks.started(1);
      const reason = new Error("the user left");
      controller.abort(reason);
      expect(await rejection(call)).toMatchObject({ code: "CANCELLED", cause: reason });
      await until(() => marks.lines.length === 2, { what: "the task to see its signal" });
      let read = 0;
      function* input(): Generator<number> {
        for (; ; read++) yield read;
      }
      expect(await rejection(shared().map("increment", input(), { signal }))).toMatchObject({
        code: "CANCELLED",
        cause: reason,
      });
      expect(read).toBe(0);
    });

    test("a signal that fires after the end changes nothing", async () => {
      const controller = new AbortController();
      const call = shared().map("increment", [1], { signal: controller.signal });
      expect(await call).toEqual([2]);
      controller.abort();
      expect(call.successful()).toBe(true);
    });

    test("one map leaves another alone", async () => {
      const marks = new Marks();
      const [one, other] = [marks, marks].map(({ log, gate }) => shared().map("gated", [{ log, gate }]));
      await marks.started(2);
      one?.cancel();
      marks.open();
      expect(await other).toEqual(["started"]);
    });
  });

  describe("a worker that dies", () => {
    test.for(["exit", "uncaught"] as const)("by %s is replaced, and its item is run again", async (how) => {
      const [marks, others] = [new Marks(), new Marks()];
      const items = [fine(others), { log: marks.log, how, losses: 2 }, fine(others), fine(others)];
      expect(await own().map("dies", items)).toEqual(["never", how, "never", "never"]);
      expect(marks.lines).toEqual([how, how, how]);
      expect(others.lines).toHaveLength(3);
    });

    test("too often by the same item is that item's WorkerLostError", async () => {
      const [marks, others] = [new Marks(), new Marks()];
      const call = own({ workerLossAttempts: 2 }).map("dies", [
        fine(others),
        { log: marks.log, how: "exit", losses: 99 },
        fine(others),
      ]);
      const settled = await call.settled();
      expect(settled[1]).toMatchObject({
        status: "rejected",
        reason: { code: "WORKER_LOST", losses: 2, exitCode: 7, outOfMemory: false, remote: { index: 1 } },
      });
      expect(settled.toSpliced(1, 1)).toEqual([
        { status: "fulfilled", value: "never" },
        { status: "fulfilled", value: "never" },
      ]);
      expect(marks.lines).toHaveLength(2);
    });

    test("is put to the item of a chunk that did it, and to no other", async () => {
      const [marks, others] = [new Marks(), new Marks()];
      const items = [
        fine(others),
        fine(others),
        { log: marks.log, how: "exit" as const, losses: 99 },
        fine(others),
      ];
      const settled = await own().map("dies", items, { chunksize: 4 }).settled();
      expect(settled.map(({ status }) => status)).toEqual([
        "fulfilled",
        "fulfilled",
        "rejected",
        "fulfilled",
      ]);
      expect(settled[2]).toMatchObject({ reason: { code: "WORKER_LOST", losses: 3 } });
    });
  });
});

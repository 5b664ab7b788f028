import { pino } from "pino";
import { beforeEach, describe, expect, test, vi } from "vitest";

import { Crew } from "../../../packages/worker/src/crew/crew.ts";
import type { CrewOptions } from "../../../packages/worker/src/crew/crew-options.ts";
import type { Run, RunEnd } from "../../../packages/worker/src/runs/run.ts";
import { aRun } from "../runs/a-run.ts";
import { FakeHost } from "./fake-host.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => useFakeTimers());

class Stage {
  readonly hosts: FakeHost[] = [];
  readonly crew: Crew;

  constructor(options: Partial<CrewOptions> & { readonly isReady?: boolean } = {}) {
    const concurrency = options.concurrency ?? 1;
    this.crew = new Crew(
      {
        startHost: (events) => {
          const host = new FakeHost(events, concurrency, options.isReady ?? true);
          this.hosts.push(host);
          return host;
        },
        module: "/tasks.js",
        processes: 1,
        concurrency,
        killGraceMs: 500,
        startTimeoutMs: 5_000,
        maxTasksPerChild: 0,
        maxMemoryPerChildMb: 0,
        onChange: () => {},
        onProgress: () => {},
        onLog: () => {},
        ...options,
      },
      pino({ level: "silent" }),
    );
  }

  async started(): Promise<this> {
    void this.crew.start().catch(() => {});
    await vi.advanceTimersByTimeAsync(5);
    return this;
  }

  get alive(): FakeHost[] {
    return this.hosts.filter((host) => host.isAlive);
  }
}

/** What came of a run within so many ms. */
async function within(ms: number, run: Promise<RunEnd>): Promise<RunEnd | "nothing"> {
  let end: RunEnd | "nothing" = "nothing";
  void run.then((it) => (end = it));
  await vi.advanceTimersByTimeAsync(ms);
  return end;
}

/** A run that its machine would run again at once: the crew hands back what waits for 50 ms. */
async function again({ crew }: Pick<Stage, "crew">, fn: string): Promise<RunEnd> {
  for (;;) {
    const end = await crew.run(aRun({ fn }));
    if (end.kind !== "unstarted") return end;
  }
}

/** Makes the crew know that runs are short, so that it pipes some ahead. */
async function warm({ crew }: Stage): Promise<void> {
  const runs = Array.from({ length: 60 }, () => crew.run(aRun()));
  await vi.advanceTimersByTimeAsync(500);
  await Promise.all(runs);
}

describe("a host that is out of order is killed, and what it runs is charged", () => {
  test.for([
    ["writes garbage", (host: FakeHost) => host.garbage()],
    ["says what nobody knows", (host: FakeHost) => host.say({ t: "nonsense" } as never)],
    ["claims a run that took no time", (host: FakeHost) => host.say({ t: "done", id: 1 } as never)],
    ["sends an outcome that is none", (host: FakeHost) => host.say({ t: "item", id: 1, offset: 0 }, "{")],
    ["is ready twice", (host: FakeHost) => host.say({ t: "ready", tasks: {} })],
  ] as const)("because it %s", async ([, act]) => {
    const { crew, hosts } = await new Stage().started();
    const run = crew.run(aRun({ fn: "endless" }));
    await vi.advanceTimersByTimeAsync(5);
    act(hosts[0] as FakeHost);
    expect(await within(5, run)).toMatchObject({ kind: "lost", exit: { signal: "SIGKILL" } });
    expect(await within(300, again({ crew }, "quick"))).toMatchObject({ kind: "done" });
  });

  test("because it closes a pipe and does not end within a second", async () => {
    const { crew, hosts } = await new Stage().started();
    const run = crew.run(aRun({ fn: "endless" }));
    await vi.advanceTimersByTimeAsync(5);
    hosts[0]?.severed();
    const next = again({ crew }, "quick");
    expect(await within(990, run)).toBe("nothing");
    expect(await within(20, run)).toMatchObject({ kind: "lost" });
    expect(await within(300, next)).toMatchObject({ kind: "done" });
  });

  test("because it is deaf", async () => {
    const { crew, hosts } = await new Stage().started();
    const run = crew.run(aRun({ fn: "endless" }));
    await vi.advanceTimersByTimeAsync(5);
    if (hosts[0] !== undefined) hosts[0].isDeaf = true;
    expect(await within(8_000, run)).toMatchObject({ kind: "lost" });
  });
});

test("a host that computes for a minute is left alone", async () => {
  const { crew, hosts } = await new Stage().started();
  expect(await within(60_000, crew.run(aRun({ fn: "endless" })))).toBe("nothing");
  expect(hosts.length).toBe(1);
});

// Row 36.
test("a retired host whose finalizer does not end is killed after 10 s; there are never more of them than hosts", async () => {
  const stage = await new Stage({ processes: 2, maxTasksPerChild: 1 }).started();
  let most = 0;
  for (let round = 0; round < 20; round++) {
    for (const host of stage.hosts) host.endsWhenTold = false;
    expect(await within(50, stage.crew.run(aRun()))).toMatchObject({ kind: "done" });
    most = Math.max(most, stage.alive.length);
  }
  expect(most).toBeLessThanOrEqual(5);
  await vi.advanceTimersByTimeAsync(10_100);
  expect(stage.alive.length).toBe(2);
});

test("a retired host that has announced its end has its 10 s for the finalizer all the same", async () => {
  const stage = await new Stage({ maxTasksPerChild: 1 }).started();
  const [host] = stage.hosts;
  if (host === undefined) throw new Error("no host");
  host.endsWhenTold = false;
  expect(await within(50, stage.crew.run(aRun()))).toMatchObject({ kind: "done" });
  host.say({ t: "ending" });
  await vi.advanceTimersByTimeAsync(9_000);
  expect(host.isAlive).toBe(true);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(host.isAlive).toBe(false);
});

test("what runs when a crew is killed is to run elsewhere, and is not charged", async () => {
  const { crew } = await new Stage().started();
  const run = crew.run(aRun({ fn: "endless" }));
  await vi.advanceTimersByTimeAsync(10);
  crew.kill();
  expect(await within(10, run)).toEqual({ kind: "unstarted", cut: undefined });
});

describe("a run that waits in the pipe when it is cancelled", () => {
  test.for(["blocks", "slow"])("never begins behind one that %s", async (first) => {
    const stage = await new Stage().started();
    await warm(stage);
    const a = stage.crew.run(aRun({ fn: first, map: "a" }));
    const b = stage.crew.run(aRun({ fn: "endless", map: "b", timeoutMs: 60_000 }));
    await vi.advanceTimersByTimeAsync(3);
    stage.crew.cancel("b");
    expect(await within(5, b)).toMatchObject({ kind: "cancelled" });
    expect(await within(400, a)).toMatchObject({ kind: "done" });
    expect(await within(100, stage.crew.run(aRun()))).toMatchObject({ kind: "done" });
    expect(stage.hosts.length).toBe(1);
  });

  test("is killed after its grace if it begins at that moment", async () => {
    const stage = await new Stage().started();
    await warm(stage);
    const b = stage.crew.run(aRun({ fn: "endless", map: "b" }));
    stage.crew.cancel("b"); // the message that runs it is on its way
    expect(await within(600, b)).toMatchObject({ kind: "cancelled" });
    expect(await within(400, stage.crew.run(aRun()))).toMatchObject({ kind: "done" });
  });
});

describe("what an item left behind", () => {
  test("ends the host of an innocent one, which runs again and is not charged", async () => {
    const stage = await new Stage().started();
    const guilty = stage.crew.run(aRun({ fn: "leaves" }));
    const innocent = again(stage, "slow");
    expect(await within(50, guilty)).toMatchObject({ kind: "done" });
    expect(await within(500, innocent)).toMatchObject({ kind: "done" });
    expect(stage.hosts.length).toBe(2);
  });
});

describe("a run whose items are asked back", () => {
  /** Begins a run of five items at index 10 on a host of its own, and says what it is told. */
  async function begun(changes: Partial<Run> = {}): Promise<{
    readonly stage: Stage;
    readonly kept: number[];
    readonly end: Promise<RunEnd>;
    readonly host: FakeHost;
  }> {
    const stage = await new Stage().started();
    const kept: number[] = [];
    const onCut = (items: number): void => void kept.push(items);
    const end = stage.crew.run(aRun({ fn: "endless", at: 10, n: 5, onCut, ...changes }));
    await vi.advanceTimersByTimeAsync(5);
    const [host] = stage.hosts;
    if (host === undefined) throw new Error("no host");
    return { stage, kept, end, host };
  }

  test("says at once which it keeps, and ends with those", async () => {
    const { stage, kept, end, host } = await begun();
    host.keeps = 2;
    stage.crew.members.cut("m", [10]);
    stage.crew.members.cut("m", [10]);
    await vi.advanceTimersByTimeAsync(5);
    expect(kept).toEqual([2]);
    host.say({ t: "done", id: 1, ms: 1, retriable: 0, cut: 2 }, "=[1,2]");
    expect(await end).toMatchObject({ kind: "done", text: "=[1,2]", cut: 2 });
  });

  test("says so even if it ends before its guard has answered", async () => {
    const { stage, kept, end, host } = await begun();
    stage.crew.members.cut("m", [10]);
    host.say({ t: "done", id: 1, ms: 1, retriable: 0, cut: 3 }, "=[1,2,3]");
    expect(await end).toMatchObject({ cut: 3 });
    await vi.advanceTimersByTimeAsync(5);
    expect(kept).toEqual([3]);
  });

  test("keeps all of them if its host says what can't be, and if it has nothing to give back", async () => {
    for (const keeps of [0, -1, 6, 1.5]) {
      const { stage, kept, host } = await begun();
      host.keeps = keeps;
      stage.crew.members.cut("m", [10]);
      await vi.advanceTimersByTimeAsync(5);
      expect(kept).toEqual([]);
    }
    const { stage, host } = await begun({ onCut: undefined });
    stage.crew.members.cut("m", [10]);
    await vi.advanceTimersByTimeAsync(5);
    expect(host.isAlive).toBe(true);
  });

  test("is charged for those alone if its host dies", async () => {
    const { stage, end, host } = await begun();
    host.keeps = 2;
    stage.crew.members.cut("m", [10]);
    await vi.advanceTimersByTimeAsync(5);
    host.end();
    expect(await within(50, end)).toMatchObject({ kind: "lost", cut: 2 });
  });

  test("goes back with those alone when its machine ends", async () => {
    const { stage, end, host } = await begun({ fn: "heeds" });
    host.keeps = 4;
    stage.crew.members.cut("m", [10]);
    await vi.advanceTimersByTimeAsync(5);
    stage.crew.stopAll();
    expect(await within(50, end)).toEqual({ kind: "unstarted", cut: 4 });
  });

  test("is left alone if it is another one", async () => {
    const { stage, kept } = await begun();
    stage.crew.members.cut("other", [10]);
    stage.crew.members.cut("m", [11]);
    await vi.advanceTimersByTimeAsync(5);
    expect(kept).toEqual([]);
  });
});

test("the second run of a chunk goes to another host than the first, if one is free", async () => {
  const stage = await new Stage({ processes: 2, concurrency: 2 }).started();
  const endless = { fn: "endless", at: 3 };
  void stage.crew.run(aRun(endless));
  void stage.crew.run(aRun({ fn: "endless", at: 4 }));
  void stage.crew.run(aRun({ fn: "endless", at: 5 }));
  await vi.advanceTimersByTimeAsync(5);
  void stage.crew.run(aRun({ ...endless, isBackup: true }));
  await vi.advanceTimersByTimeAsync(5);
  const where = stage.hosts.map(({ running }) => [...running.values()].map(({ at }) => at));
  expect(where.filter((starts) => starts.includes(3))).toHaveLength(2);
  // One that wins is told by its map; the others of this chunk are stopped, and nothing else.
  stage.crew.cancel("m", [3]);
  await vi.advanceTimersByTimeAsync(600);
  const left = stage.alive.flatMap(({ running }) => [...running.values()].map(({ at }) => at));
  expect(left).not.toContain(3);
  expect(left.toSorted((a, b) => a - b)).toEqual([4, 5]);
});

test("the clock of an item starts when it begins, not while another one blocks its host", async () => {
  const { crew } = await new Stage({ concurrency: 2 }).started();
  const spinning = crew.run(aRun({ fn: "spins", timeoutMs: 300 }));
  const waiting = crew.run(aRun({ fn: "quick", timeoutMs: 200 }));
  expect(await within(900, spinning)).toMatchObject({ kind: "timeout" });
  expect(await within(300, waiting)).toMatchObject({ kind: "done" });
});

test("what waits for a host whose event loop another one blocks goes to a host that is free", async () => {
  const stage = await new Stage({ processes: 2, concurrency: 2 }).started();
  const spins = ["spins", "quick"].map((fn) => stage.crew.run(aRun({ fn })));
  await vi.advanceTimersByTimeAsync(50);
  // One goes to the host that is free, one behind the one that spins.
  const two = [again(stage, "slow"), again(stage, "slow"), again(stage, "slow")];
  for (const run of two) expect(await within(1_500, run)).toMatchObject({ kind: "done" });
  expect(await within(1, spins[0] as Promise<RunEnd>)).toBe("nothing");
});

test("hosts that fresh items take down are replaced at once, and what only waited in their pipes is not charged", async () => {
  const stage = await new Stage({ concurrency: 3 }).started();
  for (let round = 0; round < 10; round++) {
    const [crashes, ...innocent] = ["crashes", "slow", "slow"].map((fn) => stage.crew.run(aRun({ fn })));
    // A start waited for up to 5 s, because none of these hosts had ever answered a run.
    expect(await within(500, crashes as Promise<RunEnd>)).toMatchObject({ kind: "lost" });
    for (const run of innocent) expect(await within(1, run)).toMatchObject({ kind: "done" });
  }
});

test("close() ends what the finalizers do not, at its deadline", async () => {
  const stage = await new Stage({ processes: 3 }).started();
  for (const host of stage.hosts) host.endsWhenTold = false;
  let isClosed = false;
  void stage.crew.close(1_000).then(() => (isClosed = true));
  await vi.advanceTimersByTimeAsync(990);
  expect(isClosed).toBe(false);
  await vi.advanceTimersByTimeAsync(20);
  expect(isClosed).toBe(true);
  expect(stage.alive).toEqual([]);
});

test("runs that were taken back, or that a busy crew hands back, keep the order in which they came", async () => {
  const stage = await new Stage({ concurrency: 8 }).started();
  // The crew learns that runs are short, and sends its host more than it can run at once.
  for (let i = 0; i < 5; i++) expect(await within(5, again(stage, "quick"))).toMatchObject({ kind: "done" });
  const back: number[] = [];
  const run = (fn: string, at: number): void =>
    stage.crew.begin(aRun({ fn, at }), ({ kind }) => {
      if (kind === "unstarted") back.push(at);
    });
  for (let at = 0; at < 8; at++) run("endless", at);
  for (let at = 8; at < 100; at++) run("quick", at);
  expect(stage.hosts[0]?.runsSent).toBe(5 + 8 + 8);
  await vi.advanceTimersByTimeAsync(500);
  // Whoever gets them puts each in front of the others.
  expect(back.toReversed()).toEqual(Array.from({ length: 92 }, (_, i) => i + 8));
});

test("a host of which much can't be read is killed once", async () => {
  const { hosts } = await new Stage().started();
  const [host] = hosts;
  expect(host).toBeInstanceOf(FakeHost);
  if (host === undefined) return;
  let kills = 0;
  // What it had sent by then is still read before it ends.
  host.kill = () => void kills++;
  for (let message = 0; message < 3; message++) host.garbage();
  expect(kills).toBe(1);
});

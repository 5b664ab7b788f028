/** The commands that change a queue, a machine or an item from outside. */

import { hostname } from "node:os";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import type * as printing from "../../fixtures/printing-tasks.ts";
import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, TASKS } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { waitingJobs } from "../../support/waiting-jobs.ts";
import { Watched } from "../../support/watched.ts";
import { recordsOf, runPoolmq, startPoolmq, startWorker } from "../../support/worker-program.ts";

const redis = redisForFile();
const PRINTING = fileURLToPath(new URL("../../fixtures/printing-tasks.ts", import.meta.url));

class Operated extends Watched {
  constructor() {
    super(redis());
  }

  /** A machine in a process of its own, whose log can be read. */
  async worker(...args: string[]): Promise<Program> {
    const program = startWorker(Watched.module.pathname, { url: redis().url, queue: this.queue }, args);
    await program.line(/worker machine ready/);
    return program;
  }

  get at(): string[] {
    return ["-q", this.queue, "-r", redis().url];
  }

  run(...args: string[]) {
    return runPoolmq([...args, ...this.at]);
  }
}

test("pause stops the taking of jobs, resume goes on, and machines log who did it", async () => {
  const stage = new Operated();
  const worker = await stage.worker("-p", "1");
  expect(await stage.run("pause")).toMatchObject({
    code: 0,
    output: `${stage.queue} is paused: \`poolmq resume\` goes on with it\n`,
  });
  await worker.line(/"by":"[^"]+@[^"]+","what":"paused the queue"/);
  const map = stage.client().map("step", stage.steps("end"));
  await stage.map(map.id, ({ waitsFor }) => waitsFor === "resume");
  expect((await stage.run("status")).output).toContain(
    "\npaused: workers take no jobs until it is resumed\n",
  );
  expect((await stage.run("maps")).output).toMatch(/ paused /);
  expect(JSON.parse((await stage.run("resume", "--json")).output)).toEqual({
    queue: stage.queue,
    paused: false,
  });
  expect(await map).toEqual([0]);
});

test("pause and resume say where nobody uses the queue, whose name may be mistyped", async () => {
  const stage = new Operated();
  const hint = "No machine serves it and it has no jobs: `poolmq queues` shows the queues that there are\n";
  for (const command of ["pause", "resume"]) {
    expect(await stage.run(command)).toMatchObject({ code: 0, output: expect.stringContaining(`\n${hint}`) });
  }
});

test("resize changes the number of a machine's processes, up and down", async () => {
  const stage = new Operated();
  const worker = await stage.worker("-p", "1");
  const { machines } = await stage.watcher.readOnce();
  const id = machines[0]?.id ?? "";
  expect(await stage.run("resize", id, "3")).toEqual({ code: 0, output: `${id} has 3 processes\n` });
  const map = stage.client().map("step", stage.steps("wait", "wait", "wait"));
  await until(async () => (await stage.watcher.read()).jobs.active === 3, { what: "three to run" });
  stage.marks.open();
  await map;
  expect(await stage.run("resize", id.slice(0, -2), "1")).toMatchObject({ code: 0 });
  await worker.line(/"from":3,"to":1/);
  expect(await stage.client().map("step", stage.steps("end", "end"))).toEqual([0, 1]);
  expect(await stage.run("resize", id, "0")).toMatchObject({ code: 2 });
  expect(await stage.run("resize", "nobody", "2")).toMatchObject({ code: 3 });
});

test("drain lets a machine finish what it runs, and end", async () => {
  const stage = new Operated();
  const worker = await stage.worker("-p", "1");
  const map = stage.client().map("step", stage.steps("wait", "end"));
  await until(async () => (await stage.watcher.read()).jobs.active === 1, { what: "the first to run" });
  const id = (await stage.watcher.read()).machines[0]?.id ?? "";
  const draining = stage.run("drain", id);
  await worker.line(/an operator drains this machine/);
  expect(await draining).toMatchObject({ code: 0 });
  stage.marks.open();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  await stage.workers();
  expect(await map).toEqual([0, 1]);
});

test("kill-item kills the process of an item that does not end, which then runs again", async () => {
  const stage = new Operated();
  const worker = await stage.worker("-p", "1");
  const map = stage.client().map("step", stage.steps("wait"));
  const isSeen = async (): Promise<boolean> =>
    (await stage.watcher.read()).machines.some(({ children }) =>
      children?.some(({ running }) => running.length > 0),
    );
  await until(isSeen, { what: "the machine to tell that it runs it" });
  expect(await stage.run("kill-item", map.id, "7")).toMatchObject({ code: 3 });
  expect(await stage.run("kill-item", map.id, "0")).toMatchObject({ code: 0 });
  await worker.line(/an operator kills an item/);
  await worker.line(/child lost/);
  stage.marks.open();
  expect(await map).toEqual([0]);
});

test("stack shows where a process is that never gives up its thread, and that one which waits runs nothing", async () => {
  const stage = new Operated();
  const worker = startWorker(fileURLToPath(TASKS), { url: redis().url, queue: stage.queue }, ["-p", "1"]);
  await worker.line(/worker machine ready/);
  const [machine] = (await stage.watcher.readOnce()).machines;
  const pid = String(machine?.children?.[0]?.pid);
  expect(await stage.run("stack", hostname(), pid)).toEqual({
    code: 0,
    output: "it runs no code of its tasks at this moment\n",
  });
  const map = stage.pool().map("spinForEver", [stage.marks.log]);
  await until(async () => (await stage.watcher.read()).jobs.active === 1, { what: "it to run" });
  const { output } = await until(
    async () => {
      const shown = await stage.run("stack", hostname(), pid);
      return shown.output.includes("spinForEver (") ? shown : undefined;
    },
    { what: "the loop to be in the stack" },
  );
  expect(output).toMatch(/^spinForEver \(file:.*\/tests\/fixtures\/tasks\.ts:\d+:\d+\)$/m);
  expect(await stage.run("stack", hostname(), "1")).toMatchObject({ code: 3 });
  const cancelled = rejection(map);
  map.cancel();
  await cancelled;
});

test("stack says what it expected, what it got, and what there is", async () => {
  const stage = new Operated();
  const worker = await stage.worker("-p", "1");
  const [, pid = ""] = await worker.line(/"childPid":(\d+),"msg":"child ready"/);
  // Nobody has watched: the machine has not told yet which processes it has.
  const wrongPid = await stage.run("stack", hostname(), "1");
  expect(wrongPid.output).toMatch(
    new RegExp(
      `^poolmq: Expected the process id of a worker process of \\S+, got 1\\. It has ${pid}: .poolmq workers. shows what they run\\n$`,
    ),
  );
  expect(wrongPid.code).toBe(3);
  const noNumber = await stage.run("stack", hostname(), "abc");
  expect(noNumber.output).toContain(
    "'abc' is invalid for argument 'pid'. Expected a process id, a number: `poolmq workers` shows it.\n",
  );
  expect(noNumber.code).toBe(2);
  const noMachine = await stage.run("stack", "abc", pid);
  expect(noMachine.output).toMatch(
    new RegExp(
      `^poolmq: There is no worker machine "abc" on this queue, only ${hostname()}:${worker.pid} \\(\\S+\\)\\. Give the id or its beginning, the host, or <host>:<pid>\\n$`,
    ),
  );
  expect(noMachine.code).toBe(3);
  const noPid = await stage.run("stack", "abc");
  expect(noPid.output).toBe(
    "error: missing required argument 'pid': process id of the worker process, as `poolmq workers` shows it\n" +
      "(usage: poolmq stack [options] <machine> <pid>; run with --help for more)\n",
  );
  expect(noPid.code).toBe(2);
});

test("a command for a machine says so if none is alive", async () => {
  expect(await new Operated().run("drain", "abc")).toEqual({
    code: 3,
    output:
      'poolmq: There is no worker machine "abc" on this queue: none is alive. Start one with: poolmq worker <module>\n',
  });
});

test("purge removes what a dead producer has left, and leaves what somebody waits for", async () => {
  const stage = new Operated();
  await using producer = Program.source(`
    import { Pool } from "@poolmq/producer";
    const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
    const map = pool.map("step", Array.from({ length: 30 }, () => ({ does: "end", x: 1, gate: "" })));
    console.log("id", map.id);
  `);
  const [, id = ""] = await producer.line(/id (\S+)/);
  await stage.map(id, ({ running }) => running === 30);
  expect(await stage.run("purge", id)).toMatchObject({
    code: 1,
    output: expect.stringContaining("lives") as string,
  });
  producer.kill("SIGKILL");
  await producer.exited;
  const wanted = stage.client().map("step", stage.steps("end"));
  await stage.map(wanted.id);
  await stage.age(id, 11_000);
  expect((await stage.run("purge", "--dry-run")).output).toBe(`${id}: 30 jobs would be removed\n`);
  expect((await stage.run("purge")).output).toBe(`${id}: 30 jobs removed\n`);
  expect(await redis().admin.keys(`${stage.keys.job("map")}:${id}:*`)).toEqual([]);
  expect((await stage.watcher.read()).maps.map((map) => map.id)).toEqual([wanted.id]);
  expect(await stage.run("purge", "nothing")).toMatchObject({ code: 3 });
  expect(await waitingJobs(redis().admin, stage.keys)).toBe(1);
  wanted.cancel();
  await rejection(wanted);
});

test("doctor says that all is well, or what is wrong; queues lists what a Redis holds", async () => {
  const stage = new Operated();
  const idle = await stage.run("doctor");
  expect(idle.output).toMatch(/warn +workers +no worker machine is alive\n +start one: `poolmq worker/);
  expect(idle.code).toBe(0);
  // Who looks at a queue does not make one.
  expect((await stage.run("queues")).output).not.toContain(stage.queue);
  const worker = await stage.worker("-p", "2");
  expect(await stage.run("pause")).toMatchObject({ code: 0 });
  const paused = await stage.run("doctor", "--json");
  expect(JSON.parse(paused.output)).toContainEqual(expect.objectContaining({ level: "bad", about: "queue" }));
  expect(paused.code).toBe(1);
  const queues = JSON.parse((await stage.run("queues", "--json")).output) as object[];
  expect(queues).toContainEqual(
    expect.objectContaining({ queue: stage.queue, paused: true, waiting: 0, machines: 1, processes: 2 }),
  );
  // A machine that was killed is none, though its last heartbeat is still there.
  worker.kill("SIGKILL");
  await worker.exited;
  const [id = ""] = await redis().admin.zrange(stage.keys.workers, "0", "0");
  await redis().admin.zincrby(stage.keys.workers, "-2600", id);
  const later = JSON.parse((await stage.run("queues", "--json")).output) as object[];
  expect(later).toContainEqual(expect.objectContaining({ queue: stage.queue, machines: 0, processes: 0 }));
});

test("logs shows what tasks print and log, by map, task, item and machine, and follows", async () => {
  const stage = new Operated();
  const worker = startWorker(PRINTING, { url: redis().url, queue: stage.queue }, ["-p", "1"]);
  await worker.line(/worker machine ready/);
  const pool = stage.pool<typeof printing>();
  const first = pool.map("printAndLog", [1, 2]);
  await first;
  const kept = await stage.run("logs", "--map", first.id, "--index", "1");
  expect(kept.code).toBe(0);
  expect(kept.output).toMatch(new RegExp(`INFO +\\S+:\\d+ +printAndLog\\[1\\] of ${first.id} +to stdout\\n`));
  expect(kept.output).toMatch(/ERROR .* task failed\n {4}RangeError: too large\n/);
  expect(kept.output).not.toContain("printAndLog[0]");
  const following = startPoolmq(["logs", "-f", "--task", "printIndex", "--json", ...stage.at]);
  // Another listener gets the kept lines, and the first one does not get them twice.
  const all = await stage.run("logs", "--machine", hostname());
  expect(all.output).toMatch(/worker machine ready/);
  await until(async () => (await redis().admin.exists(stage.keys.listen)) === 1, { what: "a listener" });
  const second = pool.map("printIndex", Array.from({ length: 2 }));
  await second;
  await following.line(/after 1/);
  const told = recordsOf(following).map(({ record }) => (record as { msg: string }).msg);
  expect(told.toSorted()).toEqual(["after 0", "after 1", "before 0", "before 1"]);
  following.kill("SIGTERM");
  expect(await following.exited).toEqual({ code: 0, signal: null });
  expect(await stage.run("logs", "--map", "nothing")).toMatchObject({ code: 3 });
  expect(await stage.run("logs", "--index", "1")).toMatchObject({ code: 2 });
});

test("cancel and retry are in the machines' logs, with who asked for them", async () => {
  const stage = new Operated();
  const worker = await stage.worker("-p", "1");
  const pool = stage.client();
  await rejection(pool.map("step", stage.steps("fail", "end"), { mapId: "kept" }));
  await stage.map("kept", ({ retriable }) => retriable);
  expect(await stage.run("retry", "kept")).toMatchObject({ code: 0 });
  await worker.line(/"by":"[^"]+@[^"]+","what":"ran 1 failed items of the map kept again"/);
  const map = pool.map("step", stage.steps("wait"));
  const cancelled = rejection(map);
  await stage.map(map.id);
  expect(await stage.run("cancel", map.id)).toMatchObject({ code: 0 });
  await cancelled;
  await worker.line(new RegExp(`"by":"[^"]+@[^"]+","what":"cancelled the map ${map.id}"`));
});

/**
 * `npm run bench -- --profile`: where the microseconds of an item go, at a job each.
 *
 * First the CPU time of each process, of a run that nothing slows down. Then, of a run with CPU profiles, by part of each process,
 * and by script and command of Redis. Profiles and Redis's statistics go by the clock, so that they also count how long a process
 * waited for a core. So they only tell the shares, and the CPU time of the first run is divided by them.
 */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Table from "cli-table3";

import { figure } from "../harness/print.ts";
import { childrenOf, useOf } from "../harness/process-tree.ts";
import { Stage } from "../harness/stage.ts";
import type { Competitor } from "../harness/competitor.ts";
import { readProfile } from "./cpu-profile.ts";
import type { Role, Span, ThreadTimes } from "./cpu-profile.ts";
import { profileRedis } from "./redis-profile.ts";
import type { RedisCost, RedisCosts } from "./redis-profile.ts";

/** Parts that cost less are added up. */
const SMALL_US = 0.3;

const SAMPLE_EVERY_US = 200;

/** CPU time for an item, in µs. */
type Uses = Readonly<Record<"producer" | "supervisor" | "child" | "Redis", number>>;

export async function profile({ quick }: { readonly quick: boolean }): Promise<void> {
  const { uses, us } = await measureUse(quick);
  printUse(uses, us);
  const folder = await mkdtemp(join(tmpdir(), "poolmq-profile-"));
  try {
    const flags = `--cpu-prof --cpu-prof-dir=${folder} --cpu-prof-interval=${SAMPLE_EVERY_US}`;
    // The pool's processes inherit it through the environment.
    process.env["NODE_OPTIONS"] = `${process.env["NODE_OPTIONS"] ?? ""} ${flags}`;
    const { items, span, costs } = await measureParts(quick);
    const threads = await readAll(folder, span);
    console.log("\nWhat they do in that time:\n");
    printParts(threads, uses);
    printRedis(costs, items, uses.Redis);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const REQUEST = { task: "increment", chunksize: 1 } as const;

/** A pool that has made some maps, and how large and how many those are that are measured. */
async function warm(quick: boolean): Promise<{
  readonly stage: Stage;
  readonly poolmq: Competitor;
  readonly size: number;
  readonly maps: number;
}> {
  const stage = await Stage.open({ quick });
  const [size, maps] = [stage.size(20_000, 5_000), stage.size(5, 2)];
  const poolmq = await stage.need("poolmq");
  for (let i = 0; i < 3; i++) await poolmq.map({ ...REQUEST, args: { range: size } });
  return { stage, poolmq, size, maps };
}

async function measureUse(quick: boolean): Promise<{ readonly uses: Uses; readonly us: number }> {
  const { stage, poolmq, size, maps } = await warm(quick);
  await using _ = stage;
  const [supervisor = 0] = childrenOf(poolmq.pid);
  const look = async (): Promise<number[]> => {
    const [producer, crew] = useOf([poolmq.pid, supervisor]);
    const seconds = [producer?.own.cpuSeconds, crew?.own.cpuSeconds, crew?.children.cpuSeconds];
    return [...seconds, await stage.redis.cpuSeconds()].map((each = 0) => each * 1e6);
  };
  const before = await look();
  let ms = 0;
  for (let i = 0; i < maps; i++) ms += await poolmq.map({ ...REQUEST, args: { range: size } });
  const items = size * maps;
  const used = (await look()).map((us, i) => (us - (before[i] ?? 0)) / items);
  const [producer = 0, supervisorUse = 0, child = 0, redis = 0] = used;
  return { uses: { producer, supervisor: supervisorUse, child, Redis: redis }, us: (ms * 1000) / items };
}

async function measureParts(
  quick: boolean,
): Promise<{ readonly items: number; readonly span: Span; readonly costs: RedisCosts }> {
  const { stage, poolmq, size, maps } = await warm(quick);
  await using _ = stage;
  const from = nowUs();
  const costs = await profileRedis(stage.redis, async () => {
    for (let i = 0; i < maps; i++) await poolmq.map({ ...REQUEST, args: { range: size } });
  });
  return { items: size * maps, span: { from, to: nowUs() }, costs };
}

/** By the clock of CPU profiles. */
function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

async function readAll(folder: string, span: Span): Promise<ThreadTimes[]> {
  const files = await readdir(folder);
  const threads = await Promise.all(files.map((file) => readProfile(join(folder, file), span)));
  return threads.filter((thread) => thread !== undefined);
}

function printUse(uses: Uses, us: number): void {
  const table = tableOf(["CPU time", "µs an item"]);
  const all = Object.values(uses).reduce((sum, each) => sum + each, 0);
  const { producer, supervisor, child, Redis } = uses;
  table.push(["producer", figure(producer)], ["supervisor", figure(supervisor)]);
  table.push(["both children", figure(child)], ["Redis", figure(Redis)], ["together", figure(all)]);
  console.log(
    `\nA map of trivial items, a job each. An item took ${figure(us)} µs on the clock, and of CPU time:\n`,
  );
  console.log(table.toString());
}

function printParts(threads: readonly ThreadTimes[], uses: Uses): void {
  const table = tableOf(["process", "part", "share", "µs an item"]);
  for (const [role, of] of Map.groupBy(threads, (thread): Role => thread.role)) {
    // The guard of a child is a thread of it that sleeps.
    if (role === "child's guard") continue;
    const parts = new Map<string, number>();
    for (const thread of of) {
      for (const [part, us] of thread.parts) parts.set(part, (parts.get(part) ?? 0) + us);
    }
    const total = sum([...parts]);
    const all = [...parts]
      .map(([part, us]): [string, number] => [part, (us / total) * uses[role]])
      .toSorted(([, a], [, b]) => b - a);
    const row = (name: string, part: string, us: number): void => {
      table.push([name, part, `${figure(Math.round((us / uses[role]) * 100))} %`, figure(us)]);
    };
    row(of.length > 1 ? `${role} (${of.length} together)` : role, "all", uses[role]);
    for (const [part, us] of all.filter(([, us]) => us >= SMALL_US)) row("", part, us);
    const rest = all.filter(([, us]) => us < SMALL_US);
    if (rest.length > 0) row("", rest.length === 1 ? "another" : `${rest.length} others`, sum(rest));
  }
  console.log(table.toString());
}

/** @param used - CPU time of Redis for an item, in µs */
function printRedis({ total, scripts, commands }: RedisCosts, items: number, used: number): void {
  const table = tableOf(["Redis", "calls an item", "µs an item"]);
  // Nothing of it may take longer than all, which it does by the clock where Redis had to wait for a core.
  const inScripts = scripts.reduce((all, { us }) => all + us, 0);
  const scale = (used * items) / Math.max(total, inScripts);
  const rows = (title: string, costs: readonly RedisCost[]): void => {
    table.push([title, "", figure((costs.reduce((all, { us }) => all + us, 0) / items) * scale)]);
    for (const { what, calls, us } of costs) {
      const each = (us / items) * scale;
      if (each >= SMALL_US / 3) table.push([`  ${what}`, figure(calls / items), figure(each)]);
    }
  };
  table.push(["all, also to read and to write", "", figure(used)]);
  rows("scripts, with the commands in them", scripts);
  rows("commands, those in scripts included", commands);
  console.log(table.toString());
}

function tableOf(head: string[]): Table.Table {
  return new Table({ style: { head: [], border: [] }, head });
}

function sum(parts: readonly (readonly [string, number])[]): number {
  return parts.reduce((all, [, us]) => all + us, 0);
}

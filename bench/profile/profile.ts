/**
 * `npm run bench -- --profile`: where the microseconds of an item go, at a job each. By part of each process, from CPU
 * profiles, and by command of Redis. Both cost something to take, so the figures say what is large and what is small,
 * and not how fast poolmq is.
 */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Table from "cli-table3";

import { figure } from "../harness/print.ts";
import { Stage } from "../harness/stage.ts";
import { readProfile } from "./cpu-profile.ts";
import type { Role, Span, ThreadTimes } from "./cpu-profile.ts";
import { profileRedis } from "./redis-profile.ts";
import type { RedisCost, RedisCosts } from "./redis-profile.ts";

/** Parts that cost less are added up. */
const SMALL_US = 0.3;

const SAMPLE_EVERY_US = 200;

export async function profile({ quick }: { readonly quick: boolean }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "poolmq-profile-"));
  try {
    const flags = `--cpu-prof --cpu-prof-dir=${folder} --cpu-prof-interval=${SAMPLE_EVERY_US}`;
    // The pool's processes inherit it through the environment.
    process.env["NODE_OPTIONS"] = `${process.env["NODE_OPTIONS"] ?? ""} ${flags}`;
    const { items, ms, span, costs } = await measure(quick);
    const threads = await readAll(folder, span);
    console.log(
      `\n${items.toLocaleString("en-US")} items, a job each: ${figure((ms * 1000) / items)} µs an item\n`,
    );
    printParts(threads, items);
    printRedis(costs, items);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  quick: boolean,
): Promise<{ readonly items: number; readonly ms: number; readonly span: Span; readonly costs: RedisCosts }> {
  await using stage = await Stage.open({ quick });
  const [size, maps] = [stage.size(20_000, 5_000), stage.size(5, 2)];
  const poolmq = await stage.need("poolmq");
  const request = { task: "increment", args: { range: size }, chunksize: 1 } as const;
  await poolmq.map(request);
  await poolmq.map(request);
  let ms = 0;
  const from = nowUs();
  const costs = await profileRedis(stage.redis, async () => {
    for (let i = 0; i < maps; i++) ms += await poolmq.map(request);
  });
  return { items: size * maps, ms, span: { from, to: nowUs() }, costs };
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

function printParts(threads: readonly ThreadTimes[], items: number): void {
  const table = tableOf(["process", "part", "µs an item"]);
  for (const [role, of] of Map.groupBy(threads, (thread): Role => thread.role)) {
    const parts = new Map<string, number>();
    for (const thread of of) {
      for (const [part, us] of thread.parts) parts.set(part, (parts.get(part) ?? 0) + us / items);
    }
    const all = [...parts].toSorted(([, a], [, b]) => b - a);
    const large = all.filter(([, us]) => us >= SMALL_US);
    const rest = all.filter(([, us]) => us < SMALL_US);
    const name = of.length > 1 ? `${role} (${of.length} together)` : role;
    table.push([name, "all", figure(sum(all))], ...large.map(([part, us]) => ["", part, figure(us)]));
    if (rest.length > 0) table.push(["", `${rest.length} others`, figure(sum(rest))]);
  }
  console.log(table.toString());
}

function printRedis({ total, scripts, commands }: RedisCosts, items: number): void {
  const table = tableOf(["Redis", "calls an item", "µs an item"]);
  const rows = (title: string, costs: readonly RedisCost[]): void => {
    table.push([title, "", figure(costs.reduce((all, { us }) => all + us, 0) / items)]);
    for (const { what, calls, us } of costs) {
      if (us / items >= SMALL_US / 3) table.push([`  ${what}`, figure(calls / items), figure(us / items)]);
    }
  };
  table.push(["all, also to read and to write", "", figure(total / items)]);
  rows("scripts, by their keys", scripts);
  rows("commands, those of scripts included", commands);
  console.log(table.toString());
}

function tableOf(head: string[]): Table.Table {
  return new Table({ style: { head: [], border: [] }, head });
}

function sum(parts: readonly (readonly [string, number])[]): number {
  return parts.reduce((all, [, us]) => all + us, 0);
}

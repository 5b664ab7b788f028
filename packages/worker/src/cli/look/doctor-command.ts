/** `poolmq doctor`: what is wrong, and what to do about it. */

import type { Command } from "commander";
import type { Cluster, Redis } from "ioredis";

import { readQueue, redisNowMs } from "@poolmq/shared/redis";

import { diagnose } from "../../watch/diagnosis.ts";
import type { Finding, Measured } from "../../watch/diagnosis.ts";
import { OrphanedJobs } from "../../watch/orphaned-jobs.ts";
import { EXIT } from "../base/exit-code.ts";
import { queueCommand, withQueue } from "../base/queue-command.ts";
import type { QueueFlags } from "../base/queue-command.ts";
import type { ReachedShard } from "../base/reach-shards.ts";
import { clean } from "../view/format.ts";
import { paint } from "../view/paint.ts";
import type { Style } from "../view/paint.ts";

const PINGS = 5;

const STYLES: Readonly<Record<Finding["level"], Style>> = { ok: "green", warn: "yellow", bad: "red" };

export function doctorCommand(): Command {
  return queueCommand("doctor")
    .summary("look for what is wrong with a queue, and say what to do")
    .description(
      "Checks that Redis can be reached and used, its memory, latency and clock; that workers are there, well, and have the same functions; that the queue is not paused, and what is left of maps whose producer is gone. Changes nothing.",
    )
    .addHelpText(
      "after",
      `
Exit codes:
  0  nothing is wrong, or only what is marked "warn"
  1  something is wrong ("bad"), or Redis can't be used
  2  the command line is wrong`,
    )
    .action((flags: QueueFlags) =>
      withQueue(flags, async (queue) => {
        const view = await queue.watcher.readOnce();
        const findings = [
          ...queue.away.map(({ address, error }): Finding => {
            const text = `${address} can't be reached: ${(error as Error).message}`;
            return { level: "bad", about: "redis", text, advice: "bring it back: what lies there waits" };
          }),
          ...diagnose(view, worst(await Promise.all(queue.shards.map(measure)))),
        ];
        console.log(flags.json === true ? JSON.stringify(findings, null, 2) : text(findings));
        return findings.some(({ level }) => level === "bad") ? EXIT.error : EXIT.fine;
      }),
    );
}

/** The worst measurements among several shards. */
function worst(measured: readonly Measured[]): Measured {
  const clockMs = measured.map((each) => each.clockMs).toSorted((a, b) => Math.abs(b) - Math.abs(a))[0] ?? 0;
  const orphaned = new Map<string, number>();
  for (const [mapId, jobs] of measured.flatMap((each) => [...each.orphaned])) {
    orphaned.set(mapId, (orphaned.get(mapId) ?? 0) + jobs);
  }
  return { pingMs: Math.max(...measured.map(({ pingMs: ms }) => ms)), clockMs, orphaned };
}

async function measure({ redis, keys }: ReachedShard): Promise<Measured> {
  const times: number[] = [];
  for (let i = 0; i < PINGS; i++) times.push(await pingMs(redis));
  const pingMedian = times.toSorted((a, b) => a - b)[Math.floor(PINGS / 2)] ?? 0;
  const before = Date.now();
  const redisMs = await redisNowMs(redis);
  const clockMs = (before + Date.now()) / 2 - redisMs;
  const orphaned = await new OrphanedJobs(redis, keys).byMap(await readQueue(redis, keys));
  return { pingMs: pingMedian, clockMs, orphaned };
}

async function pingMs(redis: Redis | Cluster): Promise<number> {
  const started = performance.now();
  await redis.ping();
  return performance.now() - started;
}

function text(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ about }) => about.length));
  const indent = width + 8;
  const room = process.stdout.isTTY ? Math.max(20, process.stdout.columns - indent) : Infinity;
  return findings
    .flatMap(({ level, about, text: what, advice = "" }) => {
      const [first = "", ...more] = [...wrapped(clean(what), room), ...wrapped(advice, room)];
      return [
        `${paint(STYLES[level], level.padEnd(4))}  ${about.padEnd(width)}  ${first}`,
        ...more.map((line) => `${" ".repeat(indent)}${line}`),
      ];
    })
    .join("\n");
}

/** Breaks a text into lines of at most `room` characters; a longer word stays whole. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return text === "" ? [] : lines;
}

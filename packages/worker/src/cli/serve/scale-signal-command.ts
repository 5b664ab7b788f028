/** `poolmq scale-signal`: how much work waits and runs, for autoscalers: once, or over HTTP. */

import { Command, Option } from "commander";
import type { Cluster, Redis } from "ioredis";

import { checkQueueName } from "@poolmq/shared/internal";
import { destroyConnection } from "@poolmq/shared/redis";

import { HealthPortError, SignalPortError } from "../../health/health-port-error.ts";
import { HealthServer } from "../../health/health-server.ts";
import { ScaleSignals } from "../../watch/scale-signal.ts";
import type { ScaleSignal } from "../../watch/scale-signal.ts";
import { DEFAULTS } from "../../worker-options.ts";
import { healthHostOption, healthPortOption, serveHealth } from "./health-beside.ts";
import type { HealthFlags } from "./health-beside.ts";
import { port as readPort } from "../base/integer.ts";
import { prefixOption, queueOption, redisOptions, shardsOption } from "../base/queue-options.ts";
import { exitCodeFor, reportError } from "../base/report-error.ts";
import { complain } from "../base/queue-command.ts";
import { reachShards, shardsGiven } from "../base/reach-shards.ts";
import type { ReachedShard } from "../base/reach-shards.ts";
import type { Shard } from "../../worker-options.ts";
import { joinServers } from "./join-servers.ts";
import { toldToStop } from "./told-to-stop.ts";

interface ScaleSignalFlags extends HealthFlags {
  readonly queue: string;
  readonly prefix: string;
  readonly redis?: readonly string[];
  readonly shards?: number;
  readonly json?: true;
  readonly port?: number;
  readonly host: string;
}

const PATH = "/scale-signal";

export function scaleSignalCommand(): Command {
  return new Command("scale-signal")
    .summary("print how much work waits and runs, for autoscalers")
    .description(
      "Prints what an autoscaler needs to know of a queue: jobs that wait, jobs that run, and the workers that are there. Scale on the backlog, which is both: by what waits alone, a busy fleet would be scaled to zero. Needs no worker.",
    )
    .helpOption("-h, --help", "print this help")
    .addOption(queueOption())
    .addOption(prefixOption())
    .addOption(redisOptions())
    .addOption(shardsOption())
    .addOption(new Option("--json", "print one JSON object"))
    .addOption(
      new Option(
        "--port <port>",
        `serve it until SIGTERM: ${PATH} in JSON, /metrics for Prometheus, /livez and /readyz`,
      )
        .env("POOLMQ_SIGNAL_PORT")
        .argParser(readPort),
    )
    .addOption(
      new Option("--host <host>", "address to serve it on; others reach it on 0.0.0.0 only")
        .env("POOLMQ_SIGNAL_HOST")
        .default(DEFAULTS.healthHost),
    )
    .addOption(healthPortOption())
    .addOption(healthHostOption())
    .addHelpText(
      "after",
      `
Example:
  $ poolmq scale-signal --queue thumbnails
  waiting 1280
  active 8
  backlog 1288
  machines 2
  workers 8
  slots 8`,
    )
    .action(scaleSignal);
}

async function scaleSignal(flags: ScaleSignalFlags): Promise<void> {
  const { queue, prefix, json, port } = flags;
  try {
    const shards = shardsGiven(flags);
    checkQueueName("prefix", prefix);
    if (port !== undefined) {
      await serve(flags, shards, port);
    } else {
      const { reached, away } = await reachShards(flags);
      try {
        for (const { address } of away) complain(`what lies on ${address} is left out: it can't be reached`);
        const signal = await signalsOf(reached).read();
        console.log(json === true ? JSON.stringify({ ...signal, queue }) : plain(signal));
      } finally {
        for (const { redis } of reached) destroyConnection(redis);
      }
    }
  } catch (error) {
    reportError(error);
    process.exit(exitCodeFor(error));
  }
  process.exit(0);
}

function plain({ queue: _, ...counts }: ScaleSignal): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join("\n");
}

/** Serves the signals until the process is told to stop. It answers from the start, even while Redis can't be reached. */
async function serve(flags: ScaleSignalFlags, shards: readonly Shard[], port: number): Promise<void> {
  const { prefix, host } = flags;
  const reached: { signals?: ScaleSignals } = {};
  const redis: (Redis | Cluster)[] = [];
  const told = (): ScaleSignals => {
    if (reached.signals === undefined) throw new Error("Redis was not reached yet");
    return reached.signals;
  };
  const server = await HealthServer.listen(
    { host, port },
    {
      async readiness() {
        try {
          await told().read();
          return { status: "ready" };
        } catch (error) {
          return { status: "not ready", reason: (error as Error).message };
        }
      },
      metrics: async () => await told().page(),
      json: { path: PATH, read: async () => await told().read() },
    },
  ).catch((error: unknown) => {
    throw error instanceof HealthPortError ? new SignalPortError({ host, port, cause: error.cause }) : error;
  });
  const endHealth = flags.healthPort === port ? undefined : await serveHealth(flags, () => redis);
  const others: ScaleSignals[] = [];
  const connections = shards.map(({ connection }) => connection);
  const joined = await joinServers(connections, "scale-signal", (connection, joining) => {
    redis.push(joining);
    // What lies on the others is counted from when they are there.
    for (const { queue } of shards.filter((shard) => shard.connection === connection)) {
      if (reached.signals !== undefined) others.push(new ScaleSignals(joining, { queue, prefix }));
      else reached.signals = new ScaleSignals(joining, { queue, prefix }, others);
    }
  });
  try {
    console.log(`serving ${server.url}${PATH}`);
    await toldToStop();
    await endHealth?.();
    await server.close();
  } finally {
    joined.close();
  }
}

/** The signals of all shards that were reached. */
function signalsOf([first, ...others]: readonly ReachedShard[]): ScaleSignals {
  if (first === undefined) throw new Error("unreachable: one is reached, or that is an error");
  const signals = others.map(({ redis, name, prefix }) => new ScaleSignals(redis, { queue: name, prefix }));
  return new ScaleSignals(first.redis, { queue: first.name, prefix: first.prefix }, signals);
}

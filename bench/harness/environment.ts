/** Describes the machine of a run, because figures of different machines can't be compared. */

import { readFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";

import { pythonVersion } from "./python.ts";
import { RedisServer } from "./redis-server.ts";

export interface Environment {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** The load average at the start. Above a few tenths, the machine is not quiet. */
  readonly load: number;
  /** Versions, `undefined` for what is not installed. */
  readonly versions: Readonly<Record<string, string | undefined>>;
}

export async function environment(): Promise<Environment> {
  const [cpu] = cpus();
  await using redis = await RedisServer.start();
  return {
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()} ${arch()}`,
    load: Number(loadavg()[0]?.toFixed(2)),
    versions: {
      poolmq: versionOf("@poolmq/producer"),
      Node: process.versions.node,
      Redis: await redis.version(),
      BullMQ: versionOf("bullmq"),
      ioredis: versionOf("ioredis"),
      Piscina: versionOf("piscina"),
      CPython: pythonVersion(),
      Celery: pythonVersion("celery"),
      Dask: pythonVersion("distributed"),
    },
  };
}

/** The version of a dependency. Its package.json may not be exported, so it is found through its folder. */
function versionOf(name: string): string {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

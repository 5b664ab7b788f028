/** From nothing to the first result: Redis, a supervisor and two children have to start. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { range } from "d3-array";

import { medianOf } from "../harness/rounds.ts";
import type { Row, Series } from "../harness/row.ts";

/** What the program prints: ms since `new Pool()`. */
interface ColdStart {
  readonly imported: number;
  readonly phases: Readonly<Record<string, number>>;
}

/** Messages of the machine's log, and what they mean here. */
const PHASES: Readonly<Record<string, string>> = {
  "child ready": "the first child has loaded the tasks module",
  "worker machine ready": "the worker machine takes jobs",
};

const PROGRAM = fileURLToPath(new URL("../competitors/cold-start.ts", import.meta.url));

export const coldStart: Row = {
  id: 11,
  title: "new Pool({ processes: 2 }) to the first result, with an embedded Redis",
  async measure(stage) {
    const rounds = range(stage.size(11, 3));
    const starts = rounds.map(() => start("embedded"));
    const onGiven = rounds.map(() => start(stage.redis.url));
    const bareMs = range(5).map(() => {
      const started = performance.now();
      spawnSync(process.execPath, ["-e", "0"]);
      return performance.now() - started;
    });
    return {
      checks: [
        {
          what: "to the first result",
          value: medianOf(starts.map((start) => start.phases["first result"] ?? NaN)),
          unit: "ms",
          target: { is: "≤", value: 500 },
        },
        {
          what: "to the first result, on a Redis that runs already",
          value: medianOf(onGiven.map((start) => start.phases["first result"] ?? NaN)),
          unit: "ms",
          target: { is: "≤", value: 250 },
        },
        {
          what: "to the first result, without Redis",
          value: medianOf(starts.map((start) => start.phases["first result without Redis"] ?? NaN)),
          unit: "ms",
          target: { is: "≤", value: 150 },
        },
      ],
      series: [
        ...phasesOf("poolmq", starts),
        ...phasesOf("poolmq, on a Redis that runs already", onGiven),
        {
          who: "poolmq",
          what: "import (before new Pool)",
          unit: "ms",
          values: starts.map(({ imported }) => imported),
        },
        { who: "node -e 0", what: "start to end", unit: "ms", values: bareMs },
      ],
    };
  },
};

function phasesOf(who: string, starts: readonly ColdStart[]): Series[] {
  return Object.keys(starts[0]?.phases ?? {}).map((what) => ({
    who,
    what,
    unit: "ms",
    values: starts.map(({ phases }) => phases[what] ?? NaN),
  }));
}

function start(connection: string): ColdStart {
  const env = { ...process.env, POOLMQ_REDIS_URL: "", REDIS_URL: "", POOLMQ_LOG_LEVEL: "info" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, connection], {
    encoding: "utf8",
    env,
  });
  if (status !== 0) throw new Error(`cold start failed:\n${stderr}`);
  const { imported, began, phases } = JSON.parse(stdout) as ColdStart & { began: number };
  return { imported, phases: { ...machinePhases(stderr, began), ...phases } };
}

/** Reads the times of the phases from the machine's log on stderr. */
function machinePhases(log: string, began: number): Record<string, number> {
  const phases: Record<string, number> = {};
  for (const line of log.split("\n")) {
    if (!line.startsWith("{")) continue;
    const { time, msg } = JSON.parse(line) as { time: number; msg: string };
    const name = PHASES[msg];
    if (name !== undefined) phases[name] ??= time - began;
  }
  return phases;
}

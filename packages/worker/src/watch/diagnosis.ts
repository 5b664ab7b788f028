/**
 * Finds what is wrong with a queue, its Redis or its machines, and gives advice. A function of a view and measurements.
 */

import { unfitPlace } from "./machine-view.ts";
import type { MachineView, QueueView } from "./queue-view.ts";

export interface Finding {
  /** `bad`: some work is not done. `warn`: that may happen. */
  readonly level: "ok" | "warn" | "bad";
  /** What was looked at, in a word or two. */
  readonly about: string;
  readonly text: string;
  /** What to do. Absent where nothing is to be done. */
  readonly advice?: string;
}

/** Measurements that the view does not have. */
export interface Measured {
  /** How long a PING takes, the median of some, in ms. */
  readonly pingMs: number;
  /** How far this machine's clock is ahead of Redis's, in ms. */
  readonly clockMs: number;
  /** Maps whose producer is gone, with the number of jobs of theirs that wait. */
  readonly orphaned: ReadonlyMap<string, number>;
}

const SLOW_PING_MS = 10;
const FULL_PART = 0.8;

/** How far clocks may differ, in ms. Delays and the validity of signatures depend on them. */
const CLOCK_MS = 1_000;

/** A machine that was silent for this long, in ms, may be gone. */
const SILENT_MS = 2_500;

export function diagnose(view: QueueView, measured: Measured): Finding[] {
  return [
    ...redisFindings(view, measured),
    ...queueFindings(view, measured),
    ...machineFindings(view.machines),
    ...taskFindings(view.machines),
  ];
}

function redisFindings({ redis }: QueueView, { pingMs, clockMs }: Measured): Finding[] {
  const { product, version, usedBytes, maxBytes } = redis;
  const part = maxBytes === null ? 0 : usedBytes / maxBytes;
  const percent = `${Math.round(part * 100)} % of maxmemory`;
  return [
    ok("redis", `${product} ${version} answers, and evicts nothing`),
    part >= FULL_PART
      ? {
          level: part >= 0.98 ? "bad" : "warn",
          about: "memory",
          text: `${percent} is in use; a full Redis takes no more jobs and outcomes`,
          advice:
            "raise maxmemory, purge what nobody fetches (`poolmq purge`), or give calls a smaller `window`",
        }
      : ok("memory", maxBytes === null ? "there is no limit of Redis's own" : percent),
    pingMs > SLOW_PING_MS
      ? {
          level: "warn",
          about: "latency",
          text: `a PING takes ${pingMs.toFixed(1)} ms`,
          advice:
            "put this machine, producers and workers nearer to Redis; look for slow commands with SLOWLOG GET",
        }
      : ok("latency", `a PING takes ${pingMs.toFixed(1)} ms`),
    Math.abs(clockMs) > CLOCK_MS
      ? {
          level: "warn",
          about: "clock",
          text: `this machine's clock is ${(clockMs / 1_000).toFixed(1)} s ${clockMs > 0 ? "ahead of" : "behind"} that of Redis`,
          advice: "synchronise both by NTP: waiting times and the time limit of signatures depend on them",
        }
      : ok("clock", `this machine's clock and that of Redis are ${Math.round(Math.abs(clockMs))} ms apart`),
  ];
}

function queueFindings({ paused, jobs, maps, machines }: QueueView, { orphaned }: Measured): Finding[] {
  const lost = [...orphaned.values()].reduce((sum, n) => sum + n, 0);
  const failed = maps.filter(({ retriable }) => retriable).length;
  const findings: Finding[] = [];
  if (paused) {
    findings.push({
      level: "bad",
      about: "queue",
      text: `it is paused, and ${jobs.waiting} jobs wait`,
      advice: "`poolmq resume` goes on with it",
    });
  }
  if (machines.length === 0) {
    findings.push({
      level: jobs.waiting + jobs.delayed + (jobs.limited ?? 0) > 0 ? "bad" : "warn",
      about: "workers",
      text: "no worker machine is alive",
      advice: "start one: `poolmq worker <module>`, with this queue and this Redis",
    });
  }
  if (orphaned.size > 0) {
    findings.push({
      level: "warn",
      about: "stale maps",
      text: `${many(lost, "job")} of ${many(orphaned.size, "map")} ${lost === 1 ? "waits" : "wait"} for nobody: their producer is gone`,
      advice: "`poolmq purge` removes them; a `mapId` keeps a map for whoever takes it up",
    });
  }
  if (failed > 0) {
    findings.push({
      level: "warn",
      about: "failed maps",
      text: `${many(failed, "map")} ${failed === 1 ? "is" : "are"} kept because items failed`,
      advice: "`poolmq errors <map>` says why, and `poolmq retry <map>` runs these items again",
    });
  }
  return findings.length > 0 ? findings : [ok("queue", `${jobs.waiting} jobs wait, ${jobs.active} run`)];
}

function machineFindings(machines: readonly MachineView[]): Finding[] {
  const findings: Finding[] = [];
  for (const { id, unfit, silentMs } of machines) {
    if (unfit !== null) {
      findings.push({
        level: "bad",
        about: "workers",
        text: `${id} can't run anything${unfitPlace(unfit)}: ${unfit.reason}`,
        advice:
          unfit.phase === "redis"
            ? "mend its login; it goes on by itself then"
            : "mend its tasks module, and start it again",
      });
    } else if (silentMs > SILENT_MS) {
      findings.push({
        level: "warn",
        about: "workers",
        text: `${id} has sent no sign of life for ${(silentMs / 1_000).toFixed(1)} s`,
        advice: "look whether it is overloaded, frozen or cut off: its jobs run elsewhere soon",
      });
    }
  }
  const versions = [...new Set(machines.map(({ version }) => version))];
  if (versions.length > 1) {
    findings.push({
      level: "warn",
      about: "versions",
      text: `machines run poolmq ${versions.toSorted().join(" and ")}`,
      advice: "fine while a new version comes in; otherwise bring all to one",
    });
  }
  findings.push(...codeFindings(machines));
  if (findings.length > 0 || machines.length === 0) return findings;
  return [ok("workers", `${machines.length} ${machines.length === 1 ? "machine is" : "machines are"} well`)];
}

/** Any machine may run an item, so machines with different versions of the code are reported. */
function codeFindings(machines: readonly MachineView[]): Finding[] {
  const byVersion = Map.groupBy(machines, ({ codeVersion }) => codeVersion ?? "no version given");
  if (byVersion.size < 2) return [];
  const shown = [...byVersion].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    {
      level: "warn",
      about: "versions",
      text: `machines run different code: ${shown.map(([version, of]) => `${version} on ${of.map(({ id }) => id).join(", ")}`).join("; ")}`,
      advice: "fine while a new version comes in; a call can ask for one with `codeVersion`",
    },
  ];
}

/** Any machine may get an item, so machines that lack a task of others are reported. */
function taskFindings(machines: readonly MachineView[]): Finding[] {
  const fit = machines.filter(({ unfit }) => unfit === null);
  const names = new Set(fit.flatMap(({ tasks }) => Object.keys(tasks)));
  const findings = [...names].toSorted().flatMap((name): Finding[] => {
    const without = fit.filter(({ tasks }) => !Object.hasOwn(tasks, name));
    const kinds = new Set(fit.flatMap(({ tasks }) => JSON.stringify(tasks[name]) ?? []));
    if (without.length > 0) {
      return [
        {
          level: "bad",
          about: "functions",
          text: `${name} is missing on ${without.map(({ id }) => id).join(", ")}`,
          advice: "machines of one queue need the same tasks module: deploy it there, or use another queue",
        },
      ];
    }
    if (kinds.size === 1) return [];
    return [
      {
        level: "warn",
        about: "functions",
        text: `${name} is defined in ${kinds.size} ways (parameters or options) on the machines`,
        advice: "bring all machines to one version of the tasks module",
      },
    ];
  });
  if (findings.length > 0 || fit.length < 2) return findings;
  return [ok("functions", "all machines have the same")];
}

function ok(about: string, text: string): Finding {
  return { level: "ok", about, text };
}

function many(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

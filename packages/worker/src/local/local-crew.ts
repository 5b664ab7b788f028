/** The workers of a pool in memory: a crew in the program's own process, with no machine and no Redis around it. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import type { Logger } from "pino";

import type { ResolvedProcessOptions } from "@poolmq/shared/internal";

import { childEnvironment } from "../host/child-environment.ts";
import { ContainerMemory } from "../host/container-memory.ts";
import { Crew } from "../crew/crew.ts";
import type { CrewOptions } from "../crew/crew-options.ts";
import type { InlineLevel } from "../host/inline-host.ts";
import { SILENT } from "../host/crew-log.ts";
import { processCrew } from "../crew/process-crew.ts";
import { threadHosts } from "../host/thread-host.ts";
import { machineLog } from "../log/machine-log.ts";
import { TaskOutput } from "../output/task-output.ts";

/** How long a function that was told to stop may go on before its host is killed, in ms. */
const KILL_GRACE_MS = 500;

export interface LocalCrewOptions extends ResolvedProcessOptions {
  /** `inline`: in this very process and event loop. */
  readonly hosts: "processes" | "threads" | "inline";
  /** Path of the tasks module. */
  readonly module: string;
  /** The module itself, for inline hosts; else they load it from its path. */
  readonly exports?: object | undefined;
  /** Given for inline hosts, which need it; no other host has one. */
  readonly level?: InlineLevel;
  /** Number of processes or threads. */
  readonly processes: number;
  /** Limit of a thread's heap, in MiB. @defaultValue V8's own */
  readonly maxMemoryPerThreadMb?: number | undefined;
  /** Where the crew tells of its hosts. @defaultValue stderr, at the level of `POOLMQ_LOG_LEVEL`, or nowhere */
  readonly logger: Logger | undefined;
}

type LocalCrewEvents = Pick<CrewOptions, "onProgress" | "onLog" | "onChange">;

export interface LocalCrew {
  /** Names the crew in `error.remote`. */
  readonly id: string;
  readonly crew: Crew;
}

/** Makes a crew. `crew.start()` starts its hosts. */
export async function localCrew(options: LocalCrewOptions, events: LocalCrewEvents): Promise<LocalCrew> {
  const id = `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
  // To stderr: stdout is the program's. What the tasks print goes where the program prints, like that of any function.
  const asked = process.env["POOLMQ_LOG_LEVEL"] || undefined;
  const level = asked ?? "info";
  const crewOptions =
    options.hosts !== "processes"
      ? await threadCrew(id, options)
      : processCrew(
          id,
          { ...options, redactRemoteStacks: false, tellsTransit: true, killGraceMs: KILL_GRACE_MS },
          new TaskOutput({ level, open: () => machineLog(level, 2) }, "inherit"),
        );
  const log = options.logger ?? (asked === undefined ? SILENT : machineLog(asked, 2));
  const crew = new Crew({ ...crewOptions, ...events }, log);
  return { id, crew };
}

async function threadCrew(
  workerId: string,
  { maxMemoryPerThreadMb, env, exports, level, ...options }: LocalCrewOptions,
): Promise<Omit<CrewOptions, keyof LocalCrewEvents>> {
  const { module, concurrency, maxOutcomeBytes } = options;
  const host = { module, workerId, concurrency, maxOutcomeBytes };
  const own = {
    redactStacks: false,
    env: childEnvironment(workerId, env),
    maxMemoryMb: maxMemoryPerThreadMb,
  };
  return {
    ...options,
    startHost:
      options.hosts === "inline" && level !== undefined
        ? // Loaded only here, with all that runs tasks: other pools do not run them in this process.
          (await import("../host/inline-host.ts")).inlineHosts({ ...host, level, module: exports ?? module })
        : threadHosts({ ...host, ...own }),
    // Threads have no memory of their own that could be looked at: V8 keeps their limit.
    memory: new ContainerMemory(),
    maxMemoryPerChildMb: 0,
    killGraceMs: KILL_GRACE_MS,
  };
}

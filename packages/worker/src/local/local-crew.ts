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

/** How long a function may continue after it was told to stop, in ms. Then its host is killed. */
const KILL_GRACE_MS = 500;

export interface LocalCrewOptions extends ResolvedProcessOptions {
  /** `inline`: in this very process and event loop. */
  readonly hosts: "processes" | "threads" | "inline";
  /** Path of the tasks module. */
  readonly module: string;
  /** The module itself, for inline hosts. Without it, they load it from its path. */
  readonly exports?: object | undefined;
  /** The level of inline hosts. Other hosts have none. */
  readonly level?: InlineLevel;
  /** Number of processes or threads. */
  readonly processes: number;
  /** Limit of a thread's heap, in MiB. @defaultValue V8's own */
  readonly maxMemoryPerThreadMb?: number | undefined;
  /** Where the crew logs. @defaultValue stderr, at the level of `POOLMQ_LOG_LEVEL`, or nowhere */
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
  // The log goes to stderr, because stdout belongs to the program. What the tasks print goes where the program prints, as
  // with any function.
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
        ? // Only this kind of pool loads the code that runs tasks into this process.
          (await import("../host/inline-host.ts")).inlineHosts({ ...host, level, module: exports ?? module })
        : threadHosts({ ...host, ...own }),
    // Only processes: the memory of a thread can't be measured, and V8 enforces its limit.
    memory: new ContainerMemory(),
    maxMemoryPerChildMb: 0,
    killGraceMs: KILL_GRACE_MS,
  };
}

/** The options of a crew of child processes. */

import type { TaskOutput } from "../output/task-output.ts";
import { childEnvironment } from "../host/child-environment.ts";
import { ContainerMemory } from "../host/container-memory.ts";
import type { CrewOptions } from "./crew-options.ts";
import { processHosts } from "../host/process-host.ts";

/** The options of a worker that concern its processes. */
export interface ProcessCrewOptions extends Omit<
  CrewOptions,
  "startHost" | "memory" | "onChange" | "onProgress" | "onLog"
> {
  readonly maxOutcomeBytes: number;
  readonly redactRemoteStacks: boolean;
  /** The processes report when each run ended. */
  readonly tellsTransit?: boolean;
  /** Environment variables that the processes get in addition to the harmless ones of this process. */
  readonly env: Readonly<Record<string, string>>;
}

/** @param workerId - names the machine in `error.remote` @param output - where what tasks print and log goes */
export function processCrew(
  workerId: string,
  options: ProcessCrewOptions,
  output: TaskOutput,
): Omit<CrewOptions, "onChange" | "onProgress" | "onLog"> {
  const memory = new ContainerMemory();
  const env = childEnvironment(workerId, options.env);
  const {
    module,
    processes,
    concurrency,
    maxOutcomeBytes,
    redactRemoteStacks: redactStacks,
    tellsTransit = false,
  } = options;
  const { killGraceMs, startTimeoutMs, maxTasksPerChild, maxMemoryPerChildMb } = options;
  const heapFlags = memory.heapFlags(processes, env["NODE_OPTIONS"]);
  const host = {
    module,
    workerId,
    concurrency,
    maxOutcomeBytes,
    redactStacks,
    tellsTransit,
    env,
    memory,
    heapFlags,
    output,
  };
  return {
    startHost: processHosts(host),
    module,
    processes,
    concurrency,
    memory,
    killGraceMs,
    startTimeoutMs,
    maxTasksPerChild,
    maxMemoryPerChildMb,
  };
}

/** Whether a worker machine can take work now, and if not, why. */

import { settlesWithin } from "@poolmq/shared/internal";

import type { MachineSnapshot } from "../supervisor/machine-status.ts";

/** Shorter than the second that Kubernetes waits for an answer by default. */
const PING_TIMEOUT_MS = 500;

/** What readiness depends on. */
export interface ProbedMachine {
  readonly snapshot: MachineSnapshot;
  ping(): Promise<void>;
}

/** The answer, as it is sent. */
export interface ReadinessReport {
  readonly status: "ready" | "not ready";
  /** Why it is not ready. */
  readonly reason?: string;
  readonly state: MachineSnapshot["state"];
  readonly children: { readonly ready: number; readonly wanted: number };
}

export class Readiness {
  readonly #machine: ProbedMachine;
  /** The ping that is under way. It waits for Redis to come back, and requests that come meanwhile share it. */
  #ping: Promise<void> | undefined;

  constructor(machine: ProbedMachine) {
    this.#machine = machine;
  }

  async report(): Promise<ReadinessReport> {
    const reason = this.#reason() ?? (await this.#redisReason()) ?? this.#reason();
    const { state, childrenReady: ready, processes: wanted } = this.#machine.snapshot;
    return {
      status: reason === undefined ? "ready" : "not ready",
      ...(reason === undefined ? {} : { reason }),
      state,
      children: { ready, wanted },
    };
  }

  #reason(): string | undefined {
    const { state, childrenReady, processes } = this.#machine.snapshot;
    if (state !== "running") return `the machine is ${state}`;
    // One is enough: while another is being replaced, the machine still does its work.
    if (childrenReady === 0) return `none of ${processes} children is ready`;
    return undefined;
  }

  async #redisReason(): Promise<string | undefined> {
    this.#ping ??= this.#machine.ping().finally(() => (this.#ping = undefined));
    if (await settlesWithin(PING_TIMEOUT_MS, this.#ping)) return undefined;
    return `Redis did not answer a PING within ${PING_TIMEOUT_MS} ms`;
  }
}

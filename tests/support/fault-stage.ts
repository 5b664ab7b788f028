/**
 * What the fault tests share: machines that are killed or frozen, a record of every run, and a count of wrong outcomes.
 */

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import type { CallOptions, MapResult } from "@poolmq/producer";
import type { WorkerOptions } from "@poolmq/worker";
import { expect, onTestFinished } from "vitest";

import { descendantsOf, Program } from "./processes.ts";
import type { ProgramOptions } from "./processes.ts";
import { Stage, temporaryFolder } from "./stage.ts";
import { until } from "./until.ts";

export const FAULT_TASKS: URL = new URL("../fixtures/fault-tasks.ts", import.meta.url);
const MACHINE = new URL("../fixtures/fault-machine.ts", import.meta.url);

/**
 * The shortest allowed locks, so that tests that wait for one to expire are fast. Not for tests that count runs, because
 * a busy computer may keep a supervisor from renewing them in time.
 */
export const SHORT_LOCKS = { lockDurationMs: 500, stalledIntervalMs: 100 } as const;

/** A queue, and worker machines on it that are processes of their own. */
export class FaultStage extends Stage {
  /** Starts a worker machine; resolves once it is ready. */
  async machineProcess(
    options: Partial<WorkerOptions> = {},
    program: Pick<ProgramOptions, "env" | "execArgv"> = {},
  ): Promise<MachineProcess> {
    const started = Program.file(MACHINE, {
      args: [
        JSON.stringify({
          module: FAULT_TASKS.href,
          connection: this.urlFor("worker"),
          queue: this.queue,
          processes: 1,
          killGraceMs: 100,
          ...options,
        }),
      ],
      ...program,
    });
    onTestFinished(() => started[Symbol.asyncDispose]());
    await started.line(/ready/);
    return new MachineProcess(started);
  }
}

/** A worker machine that is a process. */
export class MachineProcess {
  readonly program: Program;

  constructor(program: Program) {
    this.program = program;
  }

  /** Processes of its children now. */
  get children(): number[] {
    return descendantsOf(this.program.pid);
  }

  /** Kills the machine's supervisor. */
  async kill(): Promise<void> {
    this.program.kill("SIGKILL");
    await this.program.exited;
  }

  /** Stops the clocks of the whole machine, or starts them again. */
  signalAll(signal: "SIGSTOP" | "SIGCONT"): void {
    for (const pid of [this.program.pid, ...this.children]) process.kill(pid, signal);
  }

  /** Ends it gracefully: its runs are finished and published. */
  async close(): Promise<void> {
    this.program.send("close");
    await this.program.exited;
  }
}

/** One run of an item. */
export interface Execution {
  readonly index: number;
  readonly attempt: number;
  readonly pid: number;
  /** When it began, in ms since 1970 with fractions. */
  readonly startedAt: number;
}

/** A log to which every run of a map's items appends a line, in a folder with the gate that lets gated items end. */
export class RunLog {
  readonly log: string;
  readonly gate: string;

  constructor() {
    const folder = temporaryFolder();
    this.log = join(folder, "log");
    this.gate = join(folder, "gate");
    writeFileSync(this.log, "");
  }

  /** Every run so far, in the order in which they began. */
  get executions(): Execution[] {
    return readFileSync(this.log, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [index = 0, attempt = 0, pid = 0, startedAt = 0] = line.split(" ").map(Number);
        return { index, attempt, pid, startedAt };
      });
  }

  /** Number of runs beyond one of each item. */
  get reruns(): number {
    const { executions } = this;
    return executions.length - new Set(executions.map(({ index }) => index)).size;
  }

  /** How long each item that ran twice waited between the two, in ms. */
  get pausesMs(): number[] {
    return [...new Set(this.executions.map(({ index }) => index))].flatMap((item) => {
      const [first, second] = this.runsOf(item);
      return first === undefined || second === undefined ? [] : [second.startedAt - first.startedAt];
    });
  }

  runsOf(index: number): Execution[] {
    return this.executions.filter((execution) => execution.index === index);
  }

  /** Waits until `count` runs have begun. */
  async started(count: number, timeoutMs = 10_000): Promise<Execution[]> {
    const what = `${count} runs to begin`;
    return until(() => (this.executions.length >= count ? this.executions : undefined), { what, timeoutMs });
  }

  /** Lets gated items end. */
  open(): void {
    writeFileSync(this.gate, "");
  }

  /** Makes `count` items for the tasks of the fault tests. */
  items(
    count: number,
    more: { readonly ms?: number } = {},
  ): { log: string; gate: string; x: number; ms?: number }[] {
    return Array.from({ length: count }, (_, x) => ({ log: this.log, gate: this.gate, x, ...more }));
  }
}

/** Now, on the clock of `Execution.startedAt`. */
export function wallNow(): number {
  return performance.timeOrigin + performance.now();
}

/** What may be wrong with the results of a map, as numbers of items. */
export interface Damage {
  /** No outcome at all. */
  lost: number;
  /** More than one outcome was reported. */
  duplicated: number;
  /** An outcome that no item should have. */
  wrong: number;
  /** The outcome of another item of the map. */
  outOfOrder: number;
}

const NO_DAMAGE: Damage = { lost: 0, duplicated: 0, wrong: 0, outOfOrder: 0 };

/** Stands for an item that should end in an error with this `code`. */
export class Failing {
  readonly code: string;

  constructor(code: string) {
    this.code = code;
  }
}

/** A map of which every reported outcome is counted. */
export class Watched<V> {
  readonly result: MapResult<V>;
  readonly #told = new Map<number, number>();

  constructor(start: (options: CallOptions<V>) => MapResult<V>) {
    const tell = (index: number): void => void this.#told.set(index, (this.#told.get(index) ?? 0) + 1);
    this.result = start({ onResult: (_, index) => tell(index), onError: (_, index) => tell(index) });
    void this.result.wait();
  }

  /** Waits until `count` items have ended. */
  async done(count: number): Promise<void> {
    await until(() => this.result.progress.done >= count, {
      what: `${count} items to end`,
      timeoutMs: 20_000,
    });
  }

  /** Waits for the map's end, and compares every outcome with what it should be. */
  async damage(expected: readonly (V | Failing)[]): Promise<Damage> {
    const settled = (await this.result.settled()).map((outcome) => {
      if (outcome.status === "fulfilled") return outcome.value;
      const { code } = (outcome.reason ?? {}) as { readonly code?: unknown };
      return new Failing(typeof code === "string" ? code : String(outcome.reason));
    });
    return damageOf(settled, expected, this.#told);
  }
}

/** Compares results with what they should be. */
function damageOf(
  results: readonly unknown[],
  expected: readonly unknown[],
  told: ReadonlyMap<number, number> = new Map(),
): Damage {
  const damage = { ...NO_DAMAGE };
  for (const [index, wanted] of expected.entries()) {
    if (index >= results.length) damage.lost++;
    else if (!isDeepStrictEqual(results[index], wanted)) {
      if (expected.some((other) => isDeepStrictEqual(other, results[index]))) damage.outOfOrder++;
      else damage.wrong++;
    }
    if ((told.get(index) ?? 1) > 1) damage.duplicated++;
  }
  damage.wrong += Math.max(0, results.length - expected.length);
  return damage;
}

/** The results of the fault tests' tasks for `count` items. */
export function doubled(count: number): number[] {
  return Array.from({ length: count }, (_, x) => x * 2);
}

/** `POOLMQ_FAULT_LONG=1` runs the long forms of rows 14 and 17 too: a block of 30 s, outages of 20 and 60 s. */
export const RUNS_LONG: boolean = process.env["POOLMQ_FAULT_LONG"] === "1";

/** The file in which the figures of all runs are collected, one JSON object a line, for `scripts/fault-table.mjs`. */
const FIGURES = new URL("../../.cache/faults.jsonl", import.meta.url);

/** Prints a figure for a row of the table in docs/reliability.md, and adds it to that file. */
export function figure(row: number, name: string, value: number, unit: string): void {
  const rounded = Number(value.toPrecision(3));
  console.log(`row ${row}: ${name}: ${rounded} ${unit}`);
  mkdirSync(new URL(".", FIGURES), { recursive: true });
  appendFileSync(FIGURES, `${JSON.stringify({ row, name, value: rounded, unit })}\n`);
}

/** The value below which the given part of the values lies. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** Fails unless nothing is lost, duplicated, wrong or out of order. */
export async function expectWhole<V>(map: Watched<V>, expected: readonly (V | Failing)[]): Promise<void> {
  expect(await map.damage(expected)).toEqual(NO_DAMAGE);
}

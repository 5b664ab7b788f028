/**
 * A worker machine that belongs to one producer: it runs in a process of its own, because the producer's event loop
 * may be blocked by the user's code, and it ends with the producer, however that ends.
 */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { clearTimeout, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";

import type { ConnectionsOption } from "@poolmq/shared";
import { decodeThrown } from "@poolmq/shared/task";
import type { TaskInfo } from "@poolmq/shared/task";

import { SystemLimitError, TasksModuleError } from "@poolmq/shared";
import { besideThis, nodeFlags } from "../node-command.ts";
import type { WorkerOptions } from "../worker-options.ts";

/** Options that can be sent to another process. */
type LocalMachineOptions = Omit<WorkerOptions, "module" | "logger" | "connection"> & {
  readonly module: string;
  readonly connection: ConnectionsOption;
};

/** Owner to machine. */
export type ToMachine =
  | {
      readonly t: "start";
      readonly options: LocalMachineOptions;
      /** The queue is private: if its owner dies, the rest of it in Redis is removed. */
      readonly removesQueue: boolean;
    }
  | { readonly t: "close"; readonly timeoutMs: number };

/** Machine to owner. */
export type FromMachine =
  | { readonly t: "ready"; readonly tasks: Readonly<Record<string, TaskInfo>> }
  | {
      readonly t: "failed";
      /** Set if the tasks module is to blame. */
      readonly phase: TasksModuleError["phase"] | undefined;
      /** The thrown value, encoded, or the reason why the module does not load. */
      readonly thrown: string;
    };

export interface LocalMachine {
  /** Process id of the supervisor. */
  readonly pid: number;
  /** Resolves to the registered functions; rejects if the module does not load or Redis can't be reached. */
  readonly ready: Promise<Readonly<Record<string, TaskInfo>>>;
  /** Resolves when the process has ended. */
  readonly exited: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>;
  /** Drains and ends; kills after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
  /** Sets whether the machine keeps this process alive. At first it does not. */
  ref(alive: boolean): void;
}

/** Starts a worker machine in a process of its own. */
export function startLocalMachine(
  options: LocalMachineOptions,
  { removesQueue }: Pick<Extract<ToMachine, { t: "start" }>, "removesQueue">,
): LocalMachine {
  const main = fileURLToPath(besideThis(import.meta.url, "../local/local-main"));
  const child: ChildProcess = spawn(process.execPath, [...nodeFlags(), main], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
    // In a process group of its own, so that Ctrl-C reaches only the producer, which then closes the machine.
    detached: true,
  });
  const ready = Promise.withResolvers<Readonly<Record<string, TaskInfo>>>();
  const exited = Promise.withResolvers<{ exitCode: number | null; signal: NodeJS.Signals | null }>();
  ready.promise.catch(() => {}); // without a caller that awaits it, the rejection must not be unhandled
  child.on("message", (message: FromMachine) => {
    if (message.t === "ready") return ready.resolve(message.tasks);
    const thrown = decodeThrown(message.thrown);
    const { phase } = message;
    ready.reject(
      phase === undefined ? thrown : new TasksModuleError({ module: options.module, phase, cause: thrown }),
    );
  });
  child.on("error", (error) => {
    ready.reject(new SystemLimitError("the worker machine", error));
    exited.resolve({ exitCode: null, signal: null });
  });
  child.on("exit", (exitCode, signal) => {
    ready.reject(
      new Error(
        `The local worker machine ended before it was ready (exit code ${exitCode}, signal ${signal})`,
      ),
    );
    exited.resolve({ exitCode, signal });
  });
  // A process that could not be started has no channel.
  const send = (message: ToMachine): void => void (child.connected && child.send(message, () => {}));
  send({ t: "start", options, removesQueue });
  const ref = (alive: boolean): void => {
    if (alive) {
      child.ref();
      child.channel?.ref();
    } else {
      child.unref();
      child.channel?.unref();
    }
  };
  ref(false);
  return {
    pid: child.pid ?? 0,
    ready: ready.promise,
    exited: exited.promise,
    async close(timeoutMs) {
      ref(true);
      if (child.connected) send({ t: "close", timeoutMs });
      const killer = setTimeout(() => child.kill("SIGKILL"), timeoutMs + 1_000);
      await exited.promise;
      clearTimeout(killer);
    },
    ref,
  };
}

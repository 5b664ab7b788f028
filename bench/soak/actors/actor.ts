/** A process of the soak, seen from the one that started it. */

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { descendantsOf } from "../../../tests/support/processes.ts";
import type { FromActor, ToActor } from "./messages.ts";

export class Actor {
  readonly pid: number;
  /** Resolves when its process has ended. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  #gone = false;
  #frozen = false;

  constructor(
    program: "machine" | "producer",
    args: readonly string[],
    onMessage: (message: FromActor) => void,
  ) {
    this.#child = fork(fileURLToPath(new URL(`./${program}.ts`, import.meta.url)), args, {
      execArgv: ["--conditions=@poolmq/source", "--disable-warning=ExperimentalWarning", "--expose-gc"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.on("message", (message: FromActor) => onMessage(message));
    this.exited = once(this.#child, "exit").then(() => {
      this.#gone = true;
    });
  }

  get isGone(): boolean {
    return this.#gone;
  }

  get isFrozen(): boolean {
    return this.#frozen;
  }

  /** Processes of its children now. */
  get children(): number[] {
    return descendantsOf(this.pid);
  }

  send(message: ToActor): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** Stops the clocks of all its processes, or starts them again. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    for (const pid of [this.pid, ...this.children]) signalTo(pid, frozen ? "SIGSTOP" : "SIGCONT");
  }
}

/** Signals a process that may be gone. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** A process of the soak, seen from the one that started it. */

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { descendantsOf, PRELOADS } from "../../../tests/support/processes.ts";
import type { FromActor, ToActor } from "./messages.ts";

/** A module that shifts the wall clock of the process. */
const SKEWED_CLOCK = new URL("../../../tests/fixtures/skewed-clock.ts", import.meta.url).href;

export interface ActorOptions {
  readonly program: "machine" | "producer";
  readonly args: readonly string[];
  /** Folder for temporary files of the process and its children, by which these processes are recognized. */
  readonly folder: string;
  /** Descriptor for the stderr of it and its children. */
  readonly stderr?: number | undefined;
  /** Shift of its wall clock, in ms. @defaultValue 0 */
  readonly skewMs?: number;
  readonly onMessage: (message: FromActor) => void;
  /** Called if it ended unexpectedly. */
  readonly onDied: (how: string) => void;
}

export class Actor {
  readonly pid: number;
  /** Resolves when its process has ended. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  #gone = false;
  #frozen = false;
  /** It was asked what it uses, and has not answered: a process that gets little time must not spend it on answers. */
  #isAsked = false;
  /** Whether its end is expected, because it was told to end, or killed. */
  #mayEnd = false;

  constructor({ program, args, folder, stderr, skewMs = 0, onMessage, onDied }: ActorOptions) {
    this.#child = fork(fileURLToPath(new URL(`./${program}.ts`, import.meta.url)), args, {
      execArgv: [
        "--conditions=@poolmq/source",
        "--disable-warning=ExperimentalWarning",
        "--expose-gc",
        // As a test, it takes the packages already built: its processes start often, and faster so. `npm run soak` runs the sources.
        ...PRELOADS,
        ...(skewMs === 0 ? [] : ["--import", SKEWED_CLOCK]),
      ],
      env: { ...process.env, TMPDIR: folder, CLOCK_SKEW_MS: String(skewMs) },
      stdio: ["ignore", "ignore", stderr ?? "ignore", "ipc"],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.on("message", (message: FromActor) => {
      if (message.t === "usage") this.#isAsked = false;
      onMessage(message);
    });
    this.exited = once(this.#child, "exit").then(([code, signal]) => {
      this.#gone = true;
      if (!this.#mayEnd) onDied(`${program} ${this.pid} died: ${String(signal ?? code)}`);
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
    if (message.t === "stop") this.#mayEnd = true;
    if (message.t === "usage") {
      if (this.#isAsked) return;
      this.#isAsked = true;
    }
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Asks it to end. */
  terminate(): void {
    this.#mayEnd = true;
    this.#child.kill("SIGTERM");
  }

  async kill(): Promise<void> {
    this.#mayEnd = true;
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** Stops the clocks of all its processes, or starts them again. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    for (const pid of [this.pid, ...this.children]) signalTo(pid, frozen ? "SIGSTOP" : "SIGCONT");
  }
}

/** Signals a process, which may have ended already. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

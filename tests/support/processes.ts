import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { within } from "./until.ts";

/** Where there is no `/proc`, `ps` tells about processes. */
const HAS_PROC = existsSync("/proc/self/stat");

const TESTS = fileURLToPath(new URL("..", import.meta.url));

/** The flag by which a process loads the packages as built, and bundled dependencies. None outside of a run of tests. */
export const PRELOADS: readonly string[] = process.execArgv.filter((flag) => flag.startsWith("--require="));

const FLAGS = ["--conditions=@poolmq/source", "--disable-warning=ExperimentalWarning", ...PRELOADS];

export interface ProgramOptions {
  readonly args?: readonly string[];
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Options for Node itself. */
  readonly execArgv?: readonly string[];
}

/** A Node process that runs a TypeScript program against the packages' sources. */
export class Program implements AsyncDisposable {
  readonly pid: number;
  /** Resolves when the process is gone and all of its output was read. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  #output = "";
  #stdout = "";
  readonly #wake: (() => void)[] = [];
  #gone = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        if (stream === child.stdout) this.#stdout += text;
        this.#wakeAll();
      });
    }
    this.exited = once(child, "close").then(([code, signal]) => {
      this.#gone = true;
      this.#wakeAll();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** Runs a file. */
  static file(file: URL | string, options: ProgramOptions = {}): Program {
    return Program.#spawn([String(file).startsWith("file:") ? fileURLToPath(file) : String(file)], options);
  }

  /** Runs the text of an ES module; its imports are resolved as in tests/. */
  static source(source: string, options: ProgramOptions = {}): Program {
    return Program.#spawn(["--input-type=module-typescript", "--eval", source], options);
  }

  static #spawn(what: readonly string[], { args = [], env = {}, execArgv = [] }: ProgramOptions): Program {
    const child = spawn(process.execPath, [...FLAGS, ...execArgv, ...what, ...args], {
      cwd: TESTS,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    return new Program(child);
  }

  /** Everything that it wrote, to stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** What it wrote to stdout: in `output`, a line of stderr may stand in the middle of one of stdout. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Writes a line to its stdin. */
  send(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits for output that matches. */
  async line(pattern: RegExp, timeoutMs = 15_000): Promise<RegExpExecArray> {
    const found = async (): Promise<RegExpExecArray> => {
      for (;;) {
        const match = pattern.exec(this.#output);
        if (match) return match;
        if (this.#gone) throw new Error(`The program ended without writing ${pattern}:\n${this.#output}`);
        await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
    };
    const what = { toString: () => `${pattern} from the program, which wrote:\n${this.#output}` };
    return within(timeoutMs, what, found());
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.exited;
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;
  readonly command: string;
}

/** Ids of all processes that descend from this one, zombies left out. */
export function descendantsOf(pid: number): number[] {
  const all = listProcesses();
  const found: number[] = [];
  const queue = [pid];
  for (let parent = queue.pop(); parent !== undefined; parent = queue.pop()) {
    for (const entry of all) {
      if (entry.parent !== parent) continue;
      queue.push(entry.pid);
      if (!entry.zombie) found.push(entry.pid);
    }
  }
  return found;
}

/** Processes whose command line contains this text, such as a folder that only they know. */
export function processesNaming(text: string): ProcessEntry[] {
  return listProcesses().filter(
    ({ command, pid, zombie }) => !zombie && pid !== process.pid && command.includes(text),
  );
}

/** Whether a process runs. A zombie does not: it has ended, and only waits for its parent to notice. */
export function isRunning(pid: number): boolean {
  // Tests ask this every few milliseconds: the list of all processes would keep a processor busy meanwhile.
  if (!HAS_PROC) return listFromPs().some((entry) => entry.pid === pid && !entry.zombie);
  const status = statusOf(pid);
  return status !== undefined && !status.zombie;
}

function listProcesses(): ProcessEntry[] {
  return HAS_PROC ? listFromProc() : listFromPs();
}

function listFromProc(): ProcessEntry[] {
  return readdirSync("/proc").flatMap((name) => {
    const status = /^\d+$/.test(name) ? statusOf(Number(name)) : undefined;
    return status === undefined ? [] : [new ProcEntry(Number(name), status)];
  });
}

/** Reads the command line only if it is asked for, which takes longer than all the rest. */
class ProcEntry implements ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;

  constructor(pid: number, { parent, zombie }: { readonly parent: number; readonly zombie: boolean }) {
    this.pid = pid;
    this.parent = parent;
    this.zombie = zombie;
  }

  get command(): string {
    return readProc(this.pid, "cmdline")?.replaceAll("\0", " ") ?? "";
  }
}

/** Undefined if there is no such process. */
function statusOf(pid: number): { readonly parent: number; readonly zombie: boolean } | undefined {
  const stat = readProc(pid, "stat");
  // The command's name stands in parentheses and may hold any character.
  const [state, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === undefined ? undefined : { parent: Number(parent), zombie: state === "Z" };
}

/** Undefined if the process has ended. */
function readProc(pid: number, file: "stat" | "cmdline"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}

function listFromPs(): ProcessEntry[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,state=,command="], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    return [
      {
        pid: Number(pid),
        parent: Number(parent),
        zombie: state?.startsWith("Z") ?? false,
        command: command ?? "",
      },
    ];
  });
}

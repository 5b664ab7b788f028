import { spawn } from "node:child_process";
import { isatty } from "node:tty";
import { ROOT } from "./places.mjs";

/** @typedef {"SIGINT" | "SIGTERM" | "SIGHUP"} EndSignal */

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
/** @type {EndSignal | undefined} */
let interrupted;

/**
 * The signal that asked this process to end, if one did. The child got it too, and no further program should be started.
 */
export function interruptedBy() {
  return interrupted;
}

for (const signal of /** @type {EndSignal[]} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => {
    // A terminal sends Ctrl-C to the whole process group, so it must not be passed on: many programs take a second one as
    // "at once".
    end(signal, signal === "SIGINT" && [0, 1, 2].some((fd) => isatty(fd)));
  });
}

/** How often to check whether npm is gone, in ms. */
const PARENT_CHECK_MS = 1000;

// An npm that is killed passes no signal on. (The scripts of package.json say `exec`, so that npm is the parent of this
// process, and not a shell that would not pass on npm's signals.) Without npm, a parent that ends may want this process
// to go on.
if (process.env["npm_lifecycle_event"] !== undefined) {
  const npm = process.ppid;
  setInterval(() => {
    if (process.ppid !== npm && interrupted === undefined) end("SIGTERM", false);
  }, PARENT_CHECK_MS).unref();
}

/**
 * @param {EndSignal} signal
 * @param {boolean} childHasIt
 */
function end(signal, childHasIt) {
  interrupted = signal;
  if (!childHasIt) for (const child of running) child.kill(signal);
}

/**
 * Runs a program to its end and gives its exit code. What it prints goes to this process's streams or, with `quiet`, into
 * `output`. Signals are passed on, and this process ends when the child has ended.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, quiet?: boolean }} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(program, args, { env = process.env, cwd = ROOT, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      cwd,
      stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit",
    });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => (output += text));
    }
    child.once("error", (error) => {
      running.delete(child);
      reject(error);
    });
    child.once("close", (code) => {
      running.delete(child);
      // 1 for a child that a signal ended; if this process got the signal too, `interruptedBy` decides.
      resolve({ code: code ?? 1, output });
    });
  });
}

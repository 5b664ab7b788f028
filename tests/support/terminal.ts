import { spawnSync } from "node:child_process";

import { onTestFinished } from "vitest";

import { descendantsOf, PRELOADS, Program } from "./processes.ts";

/** True where util-linux's `script` can make a terminal. */
export const HAS_TERMINAL: boolean = /util-linux/.test(
  spawnSync("script", ["--version"], { encoding: "utf8" }).stdout ?? "",
);

/** Runs Node on a terminal of its own. `send("\x03")` is Ctrl-C, which signals the whole foreground group. */
export function onTerminal(args: readonly string[]): Program {
  const command = [process.execPath, "--conditions=@poolmq/source", ...PRELOADS, ...args]
    .map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`)
    .join(" ");
  const program = Program.source(`
    import { spawn } from "node:child_process";
    const script = spawn("script", ["-qfec", ${JSON.stringify(`exec ${command}`)}, "/dev/null"], { stdio: "inherit" });
    script.on("exit", (code) => process.exit(code));
  `);
  onTestFinished(async () => {
    for (const pid of descendantsOf(program.pid)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await program[Symbol.asyncDispose]();
  });
  return program;
}

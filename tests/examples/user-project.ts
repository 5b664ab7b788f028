import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { PRELOADS } from "../support/processes.ts";

const COMPILED = process.env["NODE_COMPILE_CACHE"];
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Gives a user's programs the packages as built, and what earlier processes compiled, as all processes of tests. */
const NODE_ENVIRONMENT: Readonly<Record<string, string>> = {
  NODE_OPTIONS: ["--conditions=@poolmq/source", ...PRELOADS.map((flag) => `"${flag}"`)].join(" "),
  ...(COMPILED === undefined ? {} : { NODE_COMPILE_CACHE: COMPILED }),
};

/** A command that runs in a user's project. */
export interface Command extends AsyncDisposable {
  /** What it wrote to stdout and stderr, so far. */
  readonly output: string;
  /** Resolves to its exit code when it has ended. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * A folder like that of a user who has installed the packages: they resolve, and `npx poolmq` is there. Both are the
 * sources of this checkout.
 */
export class UserProject implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "poolmq-project-"));

  constructor(files: Readonly<Record<string, string>>) {
    this.#write("package.json", '{ "type": "module" }\n');
    this.#write("tsconfig.json", tsconfig());
    for (const [name, text] of Object.entries(files)) this.#write(name, text);
    symlinkSync(join(ROOT, "tests/node_modules"), join(this.folder, "node_modules"));
    mkdirSync(join(this.folder, "bin"));
    this.#write("bin/npx", `#!/bin/sh\nshift\nexec node ${join(ROOT, "packages/worker/src/cli.ts")} "$@"\n`);
    chmodSync(join(this.folder, "bin/npx"), 0o755);
  }

  /** Runs lines of shell in the folder. */
  shell(lines: string, env: Readonly<Record<string, string>> = {}): Command {
    // Signals are for the last command, and not for a shell that waits for it.
    const script = lines.trimEnd().replace(/(^|\n)([^\n]*)$/, "$1exec $2");
    const child = spawn("/bin/sh", ["-euc", script], {
      cwd: this.folder,
      env: {
        PATH: `${this.folder}/bin:${process.env["PATH"] ?? ""}`,
        HOME: this.folder,
        ...NODE_ENVIRONMENT,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const ended = once(child, "close").then(([code]) => code as number | null);
    return {
      get output() {
        return output;
      },
      ended,
      kill: (signal) => void child.kill(signal),
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await ended;
      },
    };
  }

  /** Checks the types of all files; gives what the compiler said. */
  async typeErrors(): Promise<string> {
    await using check = this.shell(`${join(ROOT, "node_modules/.bin/tsc")} -p .`);
    await check.ended;
    return check.output;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }
}

/** As strict as this project's own. */
function tsconfig(): string {
  return JSON.stringify({
    extends: join(ROOT, "tsconfig.base.json"),
    compilerOptions: {
      composite: false,
      declaration: false,
      declarationMap: false,
      isolatedDeclarations: false,
      noEmit: true,
      typeRoots: [join(ROOT, "node_modules/@types")],
    },
    include: ["*.ts"],
  });
}

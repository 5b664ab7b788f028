import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const FILE = fileURLToPath(new URL("../../docker/compose.yaml", import.meta.url));

/** The services of docker/compose.yaml, under a project name of their own. */
export class Compose {
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #project: string;

  private constructor(command: readonly string[], project: string, env: Readonly<Record<string, string>>) {
    this.#command = command;
    this.#project = project;
    this.#env = env;
  }

  /** Takes the plugin, `docker compose`, or else the program that came before it, `docker-compose`. */
  static async project(name: string, env: Readonly<Record<string, string>>): Promise<Compose> {
    const plugin = ["docker", "compose"];
    const hasPlugin = await run("docker", ["compose", "version"]).then(
      () => true,
      () => false,
    );
    return new Compose(hasPlugin ? plugin : ["docker-compose"], name, env);
  }

  /** Runs a command of Compose and gives what it wrote to both its outputs. */
  async run(...args: readonly string[]): Promise<string> {
    const [program = "", ...before] = this.#command;
    const { stdout, stderr } = await run(
      program,
      [...before, "--project-name", this.#project, "--file", FILE, ...args],
      { env: { ...process.env, ...this.#env }, maxBuffer: 64 * 1024 * 1024 },
    );
    return stdout + stderr;
  }
}

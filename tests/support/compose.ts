import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The services of a file of docker/, under a project name of their own. */
export class Compose {
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #options: readonly string[];

  private constructor(
    command: readonly string[],
    options: readonly string[],
    env: Readonly<Record<string, string>>,
  ) {
    this.#command = command;
    this.#options = options;
    this.#env = env;
  }

  /** Takes the plugin, `docker compose`, or else the program that came before it, `docker-compose`. */
  static async project(
    name: string,
    file: "compose.yaml" | "fleet.yaml",
    env: Readonly<Record<string, string>>,
  ): Promise<Compose> {
    const plugin = ["docker", "compose"];
    const hasPlugin = await run("docker", ["compose", "version"]).then(
      () => true,
      () => false,
    );
    const path = fileURLToPath(new URL(`../../docker/${file}`, import.meta.url));
    const options = ["--project-name", name, "--file", path];
    return new Compose(hasPlugin ? plugin : ["docker-compose"], options, env);
  }

  /** Runs a command of Compose and gives what it wrote to both its outputs. */
  async run(...args: readonly string[]): Promise<string> {
    const [program = "", ...before] = this.#command;
    const { stdout, stderr } = await run(program, [...before, ...this.#options, ...args], {
      env: { ...process.env, ...this.#env },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout + stderr;
  }
}

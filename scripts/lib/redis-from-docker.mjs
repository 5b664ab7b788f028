import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { run } from "./run.mjs";
import { say } from "./say.mjs";
import { SetupError } from "./setup-error.mjs";

const IMAGE = "redis:7-bookworm";

/** Ends with its standard input, and so with this process, however this process ends. Keeps nothing on disk. */
const SERVE_WHILE_STDIN = 'redis-server --save "" --protected-mode no & cat >/dev/null';

/**
 * A Redis in a container, for as long as this process lives. Gives its URL, and what stops it.
 *
 * @param {string} docker the client program
 */
export async function redisFromDocker(docker) {
  say(`starting a Redis server in a container (${IMAGE})`);
  const name = `poolmq-redis-${process.pid}`;
  const container = spawn(
    docker,
    [
      "run",
      "--rm",
      "--interactive",
      "--init",
      "--name",
      name,
      "--publish",
      "127.0.0.1::6379",
      IMAGE,
      "sh",
      "-c",
      SERVE_WHILE_STDIN,
    ],
    // In a process group of its own, so that Ctrl-C reaches only the example, which still needs its Redis to end
    // gracefully.
    { stdio: ["pipe", "pipe", "inherit"], detached: true },
  );
  const ended = new Promise((resolve) => container.once("close", resolve));
  await answering(container);
  const { code, output } = await run(docker, ["port", name, "6379/tcp"], { quiet: true });
  if (code !== 0) throw new SetupError(`the container's port is not known:\n${output}`);
  return {
    url: `redis://${output.trim()}`,
    async stop() {
      container.stdin.end();
      await ended;
    },
  };
}

/** @param {import("node:child_process").ChildProcessByStdio<import("node:stream").Writable, import("node:stream").Readable, null>} container */
async function answering(container) {
  for await (const line of createInterface({ input: container.stdout })) {
    if (line.includes("Ready to accept connections")) {
      container.stdout.resume();
      return;
    }
  }
  throw new SetupError(`the container with ${IMAGE} ended before it served`);
}

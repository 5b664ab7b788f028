/** A Redis server for the bench, reached over TCP like most servers. It ends with the bench, however the bench ends. */

import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import type { Readable, Writable } from "node:stream";

import { Redis } from "ioredis";

// A guard: it reads its stdin, which the bench holds open, and kills Redis when that ends.
const LEASH = `exec 3<&0 </dev/null; "$@" 3<&- & redis=$!; read -r _ <&3; kill -9 $redis; wait $redis 2>/dev/null`;

export class RedisServer implements AsyncDisposable {
  readonly url: string;
  readonly commands: Redis;
  readonly #leash: ChildProcessByStdio<Writable, Readable, null>;

  private constructor(leash: ChildProcessByStdio<Writable, Readable, null>, port: number) {
    this.#leash = leash;
    this.url = `redis://127.0.0.1:${port}`;
    this.commands = new Redis(this.url);
  }

  static async start(): Promise<RedisServer> {
    const port = await freePort();
    const settings = { port, bind: "127.0.0.1", save: "", appendonly: "no", dir: "/tmp" };
    const server = process.env["POOLMQ_REDIS_SERVER"] ?? "redis-server";
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const leash = spawn("/bin/sh", ["-c", LEASH, "bench-redis", server, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
    });
    let output = "";
    for await (const text of leash.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
      output += String(text);
      if (/ready to accept connections/i.test(output)) {
        leash.stdout.resume();
        return new RedisServer(leash, port);
      }
    }
    throw new Error(`redis-server did not start:\n${output}`);
  }

  /** A figure of `INFO`, such as `used_memory`. */
  async info(name: string): Promise<number> {
    const line = new RegExp(`^${name}:([\\d.]+)`, "m").exec(await this.commands.info("all"));
    return Number(line?.[1]);
  }

  /** How many scripts it has run. */
  async scripts(): Promise<number> {
    const stats = await this.commands.info("commandstats");
    return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  }

  async pid(): Promise<number> {
    return await this.info("process_id");
  }

  async version(): Promise<string> {
    return /^redis_version:(\S+)/m.exec(await this.commands.info("server"))?.[1] ?? "unknown";
  }

  /** Kills it, as if its machine were lost. */
  async kill(): Promise<void> {
    const pid = await this.pid();
    this.commands.disconnect();
    process.kill(pid, "SIGKILL");
  }

  /** CPU time that it used so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    const text = await this.commands.info("cpu");
    const read = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(text)?.[1]);
    return read("used_cpu_sys") + read("used_cpu_user");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.commands.disconnect();
    this.#leash.stdin.end();
    await once(this.#leash, "exit");
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

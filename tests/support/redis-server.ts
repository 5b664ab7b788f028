import { spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

import { queueKeys } from "@poolmq/shared/redis";
import { aclRules, type AclRole } from "@poolmq/worker/internal";
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";

type Settings = Readonly<Record<string, string | number | readonly string[]>>;

export interface RedisServerOptions {
  /** @defaultValue "unix", which is faster and needs no free port */
  readonly listen?: "unix" | "tcp";
  /** Lines of redis.conf: `{ requirepass: "secret", maxmemory: "20mb", "rename-command": ["MULTI", ""] }`. */
  readonly settings?: Settings;
  /** Program to run. @defaultValue `POOLMQ_REDIS_SERVER`, else `redis-server` */
  readonly server?: string;
  /** Starts a Sentinel instead, with this configuration file. */
  readonly sentinelFile?: string;
}

// Ends Redis with the test process, even if that is killed, and removes the folder unless told to keep it. It reads the
// leash in the foreground; the test notices Redis's end by its closed stdout.
const GUARD = `
folder=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- 2>&1 & redis=$!
echo "guard: $redis"
exec >/dev/null 2>&1
read -r last <&3
kill -9 $redis
wait $redis
[ "$last" = keep ] || rm -rf -- "$folder"
`;

/** Password of the logins with the rights of a producer and of a worker. */
const LOGIN_PASSWORD = "of-the-tests";

type Guard = ChildProcessByStdio<Writable, Readable, null>;

/** A private, real Redis server. Restarts at the same address, on the same folder. */
export class RedisServer implements AsyncDisposable {
  /** Holds what Redis saves; removed by `stop()`. */
  readonly folder: string;
  /** 0 on a unix socket. */
  readonly port: number;
  readonly socket: string;
  readonly #options: RedisServerOptions;
  #guard: Guard | undefined;
  #closed: Promise<void> = Promise.resolve();
  #pid = 0;
  #output = "";
  #admin: Redis | undefined;

  private constructor(options: RedisServerOptions, port: number) {
    this.#options = options;
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), "poolmq-test-"));
    this.socket = join(this.folder, "redis.sock");
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let attempt = 1; ; attempt += 1) {
      const server = new RedisServer(options, options.listen === "tcp" ? await freePort() : 0);
      try {
        await server.restart();
        return server;
      } catch (error) {
        await server.stop();
        // Another process may have taken the port meanwhile: try again.
        if (attempt === 5 || !server.output.includes("in use")) throw error;
      }
    }
  }

  /** Its address, with the password if it has one. */
  get url(): string {
    const password = this.#options.settings?.["requirepass"];
    return this.#urlOf(password === undefined ? "" : `:${encodeURIComponent(String(password))}@`);
  }

  /** Its address, with a login that has exactly the rights of this role, on every queue. */
  urlFor(role: AclRole): string {
    return this.#urlOf(`${role}:${LOGIN_PASSWORD}@`);
  }

  #urlOf(login: string): string {
    return this.port === 0 ? `unix://${login}${this.socket}` : `redis://${login}127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#pid;
  }

  /** What it logged since its last start. */
  get output(): string {
    return this.#output;
  }

  /** A connection for the test's own commands, made on first use; past any proxy. */
  get admin(): Redis {
    if (this.#admin) return this.#admin;
    const password = this.#options.settings?.["requirepass"];
    const at = this.port === 0 ? { path: this.socket } : { host: "127.0.0.1", port: this.port };
    this.#admin = new Redis({
      ...at,
      ...(password === undefined ? {} : { password: String(password) }),
      maxRetriesPerRequest: null,
      retryStrategy: () => 20,
    });
    this.#admin.on("error", () => undefined);
    return this.#admin;
  }

  /**
   * Starts it again, with other settings on top if given; kills it first if it still runs. Resolves when it is ready,
   * or with `until: "started"` already while it loads its data.
   */
  async restart(
    settings: Settings = {},
    { until = "ready" }: { readonly until?: "ready" | "started" } = {},
  ): Promise<void> {
    await this.kill();
    const { sentinelFile, settings: own } = this.#options;
    const listen = {
      port: this.port,
      ...(this.port === 0 ? { unixsocket: this.socket } : { bind: "127.0.0.1" }),
    };
    const quiet = {
      save: "",
      appendonly: "no",
      "maxmemory-policy": "noeviction",
      "enable-debug-command": "yes",
      aclfile: join(this.folder, "users.acl"),
    };
    if (!sentinelFile) this.#writeLogins();
    const lines = { ...listen, dir: this.folder, ...(sentinelFile ? {} : quiet), ...own, ...settings };
    const args = Object.entries(lines).flatMap(([name, value]) => [
      `--${name}`,
      ...[value].flat().map(String),
    ]);
    const server = this.#options.server ?? process.env["POOLMQ_REDIS_SERVER"] ?? "redis-server";
    const command = [server, ...(sentinelFile ? [sentinelFile, "--sentinel"] : []), ...args];
    const guard = spawn("/bin/sh", ["-c", GUARD, "poolmq-test-guard", this.folder, ...command], {
      stdio: ["pipe", "pipe", "ignore"],
      // In a process group of its own: Ctrl-C ends the test run, and Redis ends when the run closes the leash.
      detached: true,
    });
    this.#guard = guard;
    this.#output = "";
    guard.stdin.on("error", () => undefined);
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
    guard.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      const line = until === "ready" ? /ready to accept connections|Sentinel ID is/i : /Server initialized/;
      if (line.test(this.#output)) resolve();
    });
    this.#closed = new Promise<void>((done) => guard.stdout.once("close", done));
    guard.once("error", reject);
    void this.#closed.then(() => reject(new Error(`redis-server did not start:\n${this.#output}`)));
    await ready;
    this.#pid = Number(/^guard: (\d+)$/m.exec(this.#output)?.[1]);
  }

  /** Redis does not accept `requirepass` together with an ACL file. */
  #writeLogins(): void {
    const password = this.#options.settings?.["requirepass"];
    const logins = (["producer", "worker", "both", "watcher"] as const).map((role) => {
      const [, ...rules] = aclRules([queueKeys("*")], role);
      return `user ${role} >${LOGIN_PASSWORD} ${rules.join(" ")}`;
    });
    const admin = `user default on ${password === undefined ? "nopass" : `>${String(password)}`} ~* &* +@all`;
    writeFileSync(join(this.folder, "users.acl"), [admin, ...logins, ""].join("\n"));
  }

  /** Ends it with SIGKILL; resolves when it is gone. Its folder stays. */
  async kill(): Promise<void> {
    const guard = this.#guard;
    if (!guard) return;
    this.#guard = undefined;
    // Close the leash; the server has ended when its output is closed.
    guard.stdin.end("keep\n");
    await this.#closed;
  }

  /** Freezes it: connections stay open, but nothing is answered. */
  pause(): void {
    process.kill(this.#pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.#pid, "SIGCONT");
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    this.#admin?.disconnect();
    this.#admin = undefined;
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts one server for all tests of a file. Call at the top of the file; the returned function gives the server
 * within tests.
 */
export function redisForFile(options: RedisServerOptions = {}): () => RedisServer {
  let server: RedisServer | undefined;
  beforeAll(async () => {
    server = await RedisServer.start(options);
  });
  afterAll(async () => {
    await server?.stop();
  });
  return () => {
    if (!server) throw new Error("The file's Redis server runs only within its tests");
    return server;
  };
}

/** Gives a TCP port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

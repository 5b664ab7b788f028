/**
 * A private Redis that ends with the process that made it, however that process ends:
 *
 *   this process ──leash: a pipe──▶ guard (sh) ──▶ watcher (sh), reads the leash; at its end it kills Redis
 *                                     │             and removes the folder
 *                                     └──────────▶ redis-server, on a unix socket in a private folder
 *
 * The system closes our end of the leash even on SIGKILL. The guard is a session of its own, so that Ctrl-C in the
 * terminal reaches only this process, which may still need Redis to finish. The guard waits for Redis and passes on
 * its exit code; if the guard is killed, the watcher is still there, and the other way round we are.
 */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { rm } from "node:fs/promises";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";

import { EmbeddedRedisError } from "@poolmq/shared";
import type { Logger } from "pino";

import { findRedisServer } from "./find-redis-server.ts";
import { makeRedisFolder } from "./redis-folder.ts";

export interface EmbeddedRedisOptions {
  /** Gives up starting. Later it has no effect: use `close()`. */
  readonly signal?: AbortSignal;
  readonly log?: Logger;
  /** Called once if Redis ends without `close()`: killed, out of memory, crashed. */
  readonly onExit?: (error: EmbeddedRedisError) => void;
}

export interface EmbeddedRedis extends AsyncDisposable {
  /** Its address, `unix:///…/redis.sock`. */
  readonly url: string;
  /** Process id of the Redis server. */
  readonly pid: number;
  /** Kills Redis and removes its folder; resolves when both are gone. May be called twice. */
  close(): Promise<void>;
}

// Only `sh`, `kill`, `read`, `wait` and `rm`. Redis is killed and not asked to stop: its data is not to be kept, and
// a busy script would delay the answer. The watcher is needed because `sh` can't wait for a process and a pipe at once.
const GUARD = `
server=$1 folder=$2; shift 2
exec 3<&0 </dev/null
"$server" "$@" 3<&- &
redis=$!
echo "guard: $redis"
( while read -r _; do :; done; kill -9 $redis; rm -rf -- "$folder" ) <&3 2>/dev/null &
watcher=$!
exec 3<&-
wait $redis
code=$?
kill -9 $watcher
rm -rf -- "$folder"
exit $code
`;

/** A machine that swaps may need seconds; more than this is no start. */
const START_TIMEOUT_MS = 15_000;

/** Far more than killing takes; after it, the whole group is killed from here. */
const CLOSE_TIMEOUT_MS = 2_000;

const MAX_OUTPUT_CHARS = 2_000;

type Guard = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Starts a private Redis (or Valkey) server for this process. It does not keep the process alive, writes nothing to
 * disk, listens on no port, and never evicts.
 *
 * @throws RedisNotFoundError, EmbeddedRedisError
 *
 * @example
 * ```ts
 * await using redis = await startEmbeddedRedis();
 * const pool = new Pool({ connection: redis.url });
 * ```
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
  const { signal, log, onExit } = options;
  signal?.throwIfAborted();
  const server = findRedisServer();
  const { folder, socket } = await makeRedisFolder();
  const guard = spawnGuard(server, folder, socket);
  const output = collectOutput(guard);

  let ready = false;
  const ended = new Promise<EmbeddedRedisError>((resolve) => {
    let how: { code: number | null; signal: string | null } = { code: null, signal: null };
    guard.once("exit", (code, by) => {
      how = by === null ? decodeStatus(code) : { code: null, signal: by };
      // If the guard was killed, this makes the watcher end Redis.
      guard.stdin.destroy();
    });
    // An error without a process: sh is missing, or no more processes are allowed.
    guard.once("error", (error) => output.add(`${error.message}\n`));
    // Comes when the guard, the watcher and Redis have all closed their output.
    guard.once("close", () => {
      const what = ready ? "ended unexpectedly" : "did not start";
      // The guard removes the folder; unless it was killed together with all of its group.
      void rm(folder, { recursive: true, force: true })
        .catch(() => undefined)
        .then(() =>
          resolve(
            new EmbeddedRedisError({
              server,
              what,
              exitCode: how.code,
              signal: how.signal,
              output: output.last(),
            }),
          ),
        );
    });
  });

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= endGuard(guard, ended));

  try {
    await untilReady(output, ended, signal);
    ready = true;
  } catch (error) {
    await close();
    throw error;
  }
  const pid = output.redisPid();
  setReferenced(guard, false);
  const url = `unix://${socket.split("/").map(encodeURIComponent).join("/")}`;
  log?.info({ server, pid, url }, "embedded redis started");
  void ended.then((error) => {
    if (closing) return;
    log?.error({ err: error, pid }, "embedded redis ended unexpectedly");
    onExit?.(error);
  });
  return { url, pid, close, [Symbol.asyncDispose]: close };
}

function spawnGuard(server: string, folder: string, socket: string): Guard {
  const settings = [
    ["--port", "0"],
    ["--unixsocket", socket],
    ["--unixsocketperm", "700"],
    ["--save", ""],
    ["--appendonly", "no"],
    ["--maxmemory-policy", "noeviction"],
    ["--daemonize", "no"],
    ["--supervised", "no"],
    ["--dir", folder],
    ["--logfile", ""],
    ["--loglevel", "notice"],
    // A crash report shows the arguments of the last command, which are users' data.
    ["--crash-log-enabled", "no"],
    ["--crash-memcheck-enabled", "no"],
  ].flat();
  // An environment of its own: what this process's environment holds is none of the server's business.
  const env: NodeJS.ProcessEnv = {};
  for (const name of ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return spawn("/bin/sh", ["-c", GUARD, "poolmq-redis-guard", server, folder, ...settings], {
    detached: true,
    cwd: folder,
    env,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

interface Output {
  add(text: string): void;
  last(): string;
  redisPid(): number;
  /** Resolves when Redis says that it is ready. */
  readonly ready: Promise<void>;
}

function collectOutput(guard: Guard): Output {
  let text = "";
  let pid = 0;
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const add = (more: string) => {
    text += more;
    if (pid === 0) {
      const found = /^guard: (\d+)\n/m.exec(text);
      if (found) {
        pid = Number(found[1]);
        text = text.replace(found[0], "");
      }
    }
    // Redis 6 and 7 write "The server is now ready to accept connections", Redis 7.2 and Valkey "Ready to accept …".
    if (pid !== 0 && /ready to accept connections/i.test(text)) resolve();
    text = text.slice(-MAX_OUTPUT_CHARS);
  };
  guard.stdout.setEncoding("utf8").on("data", add);
  guard.stderr.setEncoding("utf8").on("data", add);
  // The guard may be gone when the leash is let go.
  guard.stdin.on("error", () => undefined);
  return { add, last: () => text.trim(), redisPid: () => pid, ready };
}

async function untilReady(
  output: Output,
  ended: Promise<EmbeddedRedisError>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { promise: gaveUp, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`it was not ready within ${START_TIMEOUT_MS} ms: ${output.last()}`)),
    START_TIMEOUT_MS,
  );
  const onAbort = () => reject(signal?.reason as Error);
  signal?.addEventListener("abort", onAbort, { once: true });
  const failed = ended.then((error) => {
    throw error;
  });
  try {
    await Promise.race([output.ready, failed, gaveUp]);
  } finally {
    failed.catch(() => undefined);
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

async function endGuard(guard: Guard, ended: Promise<unknown>): Promise<void> {
  // Whoever awaits close() wants to see its end.
  setReferenced(guard, true);
  guard.stdin.destroy();
  const timer = setTimeout(() => {
    try {
      if (guard.pid !== undefined) process.kill(-guard.pid, "SIGKILL");
    } catch {
      // Gone meanwhile.
    }
  }, CLOSE_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function setReferenced(guard: Guard, referenced: boolean): void {
  for (const handle of [guard, guard.stdin, guard.stdout, guard.stderr] as readonly {
    ref?(): void;
    unref?(): void;
  }[]) {
    if (referenced) handle.ref?.();
    else handle.unref?.();
  }
}

/** A shell gives 128 + n for a process that signal n ended. */
function decodeStatus(status: number | null): { code: number | null; signal: string | null } {
  const signal = Object.entries(constants.signals).find(([, number]) => status === 128 + number)?.[0];
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}

/**
 * A private Redis that ends with the process that made it, however that process ends:
 *
 *   this process ──leash: a pipe──▶ guard (sh) ──▶ watcher (sh), reads the leash; at its end it kills Redis
 *                                     │             and removes the folder
 *                                     └──────────▶ redis-server, on a unix socket in a private folder
 *
 * The system closes this process's end of the leash even on SIGKILL. The guard is a session of its own, so that Ctrl-C in
 * the terminal reaches only this process, which may still need Redis to finish. The guard waits for Redis and passes on
 * its exit code. If the guard is killed, the watcher ends Redis; if the watcher is killed, this process does.
 */

import { rm } from "node:fs/promises";
import { clearTimeout, setTimeout } from "node:timers";

import { EmbeddedRedisError } from "@poolmq/shared";
import type { Logger } from "pino";

import { findRedisServer } from "./find-redis-server.ts";
import { makeRedisFolder } from "./redis-folder.ts";
import { collectOutput, decodeStatus, setReferenced, spawnGuard } from "./redis-guard.ts";
import type { Guard, Output } from "./redis-guard.ts";

export interface EmbeddedRedisOptions {
  /** Aborts the start. Later it has no effect: use `close()`. */
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

/** How long the start may take, in ms. A machine that swaps may need seconds. */
const START_TIMEOUT_MS = 15_000;

/** How long the guard may take to end Redis, in ms. After that, this process kills the whole group. */
const CLOSE_TIMEOUT_MS = 2_000;

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
  const guard = spawnGuard(server, folder);
  const output = collectOutput(guard);

  let ready = false;
  const ended = new Promise<EmbeddedRedisError>((resolve) => {
    let how: { code: number | null; signal: string | null } = { code: null, signal: null };
    guard.once("exit", (code, by) => {
      how = by === null ? decodeStatus(code) : { code: null, signal: by };
      // If the guard was killed, this makes the watcher end Redis.
      guard.stdin.destroy();
    });
    // The guard could not be started: sh is missing, or no more processes are allowed.
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
  if (signal?.aborted) onAbort();
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
  // Keeps the process alive until Redis is gone: close() resolves then.
  setReferenced(guard, true);
  guard.stdin.destroy();
  const timer = setTimeout(() => {
    try {
      if (guard.pid !== undefined) process.kill(-guard.pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }, CLOSE_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

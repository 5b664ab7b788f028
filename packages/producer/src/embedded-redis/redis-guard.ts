/** The guard of an embedded Redis: see the picture in embedded-redis.ts. */

import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

import { SOCKET } from "./redis-folder.ts";

// Only `sh`, `kill`, `read`, `wait` and `rm`. Redis is killed and not asked to stop, because its data need not be kept,
// and a busy script would delay the answer. The watcher is needed because `sh` can't wait for a process and a pipe at
// once. It waits for the processes that it started, because in a container nothing else may reap them.
const GUARD = `
server=$1 folder=$2; shift 2
exec 3<&0 </dev/null
"$server" "$@" 3<&- &
redis=$!
echo "guard: $redis"
( while read -r _; do :; done; kill -9 $redis; exec rm -rf -- "$folder" ) <&3 2>/dev/null &
watcher=$!
exec 3<&-
wait $redis
code=$?
exec 2>/dev/null
kill -9 $watcher
wait $watcher
rm -rf -- "$folder"
exit $code
`;

/** The most characters of output that an error message shows. */
const MAX_OUTPUT_CHARS = 2_000;

export type Guard = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starts the guard, which starts Redis in the folder. */
export function spawnGuard(server: string, folder: string): Guard {
  // The whole path, so that lists of processes show it. Valkey accepts none with a quote; then ".", since the server
  // starts in its folder.
  const place = /['"\\]/.test(folder) ? "." : folder;
  const settings = [
    ["--port", "0"],
    ["--unixsocket", join(place, SOCKET)],
    ["--unixsocketperm", "700"],
    ["--save", ""],
    ["--appendonly", "no"],
    ["--maxmemory-policy", "noeviction"],
    ["--daemonize", "no"],
    ["--supervised", "no"],
    ["--dir", place],
    ["--logfile", ""],
    ["--loglevel", "notice"],
    // A crash report shows the arguments of the last command, which are users' data.
    ["--crash-log-enabled", "no"],
    ["--crash-memcheck-enabled", "no"],
  ].flat();
  // An empty environment: this process's variables may hold secrets, and the server needs none of them.
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

export interface Output {
  add(text: string): void;
  last(): string;
  redisPid(): number;
  /** Resolves when Redis says that it is ready. */
  readonly ready: Promise<void>;
}

/** Reads what Redis and its guard write, until both are gone. */
export function collectOutput(guard: Guard): Output {
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
  // The guard may be gone already when the leash is closed.
  guard.stdin.on("error", () => undefined);
  return { add, last: () => text.trim(), redisPid: () => pid, ready };
}

/** Sets whether the guard keeps this process alive. */
export function setReferenced(guard: Guard, referenced: boolean): void {
  for (const handle of [guard, guard.stdin, guard.stdout, guard.stderr] as readonly {
    ref?(): void;
    unref?(): void;
  }[]) {
    if (referenced) handle.ref?.();
    else handle.unref?.();
  }
}

/** A shell gives 128 + n for a process that signal n ended. */
export function decodeStatus(status: number | null): { code: number | null; signal: string | null } {
  const signal = Object.entries(constants.signals).find(([, number]) => status === 128 + number)?.[0];
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}

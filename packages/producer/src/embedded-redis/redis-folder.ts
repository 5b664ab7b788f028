import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PREFIX = "poolmq-redis-";

/** Name of the unix socket in the folder. */
export const SOCKET = "redis.sock";

/** A unix socket's path fits in 104 bytes on macOS (108 on Linux), with the zero at its end. */
const MAX_SOCKET_PATH = 103;

/** Folders younger than this, in ms, may belong to a server that is about to start. */
const STALE_AFTER_MS = 60_000;

/** Makes a folder that only this user can enter, short enough for a socket in it. */
export async function makeRedisFolder(): Promise<{ readonly folder: string; readonly socket: string }> {
  const base =
    Buffer.byteLength(join(tmpdir(), `${PREFIX}XXXXXX`, SOCKET)) > MAX_SOCKET_PATH ? "/tmp" : tmpdir();
  const folder = await mkdtemp(join(base, PREFIX));
  // Folders remain if the guard was killed too, as in a power cut, or in a container that ran out of memory.
  void removeStaleFolders(base).catch(() => undefined);
  return { folder, socket: join(folder, SOCKET) };
}

/** Removes this user's folders in `base` whose server is gone. */
export async function removeStaleFolders(base: string, staleAfterMs: number = STALE_AFTER_MS): Promise<void> {
  for (const name of await readdir(base)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(base, name);
    const stats = await lstat(folder);
    const mine = stats.isDirectory() && stats.uid === process.getuid?.();
    if (!mine || Date.now() - stats.mtimeMs < staleAfterMs) continue;
    if (!(await answers(join(folder, SOCKET)))) await rm(folder, { recursive: true, force: true });
  }
}

/** Asks the socket rather than a process id: ids mean nothing in another container that shares the folder. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.unref();
    probe.once("connect", () => (probe.destroy(), resolve(true)));
    // A server with a full backlog (EAGAIN) is alive.
    probe.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}

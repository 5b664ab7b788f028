import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";

import { RedisNotFoundError } from "@poolmq/shared";

const NAMES = ["redis-server", "valkey-server"];

/** Where packages put the server, for processes with a short PATH (launchd, cron, editors). */
const USUAL_FOLDERS = [
  "/usr/bin",
  "/usr/local/bin",
  "/opt/homebrew/bin",
  "/home/linuxbrew/.linuxbrew/bin",
  "/usr/sbin",
];

const DOCKER = "docker run -d -p 6379:6379 redis:7-bookworm redis-server --maxmemory-policy noeviction";

/**
 * Gives the path of a `redis-server` or `valkey-server`: `POOLMQ_REDIS_SERVER` if it is set, else the first on PATH,
 * else in the folders where packages put it.
 *
 * @throws RedisNotFoundError that says what to install on this platform
 */
export function findRedisServer(
  env: Readonly<Record<string, string | undefined>> = process.env,
  usualFolders: readonly string[] = USUAL_FOLDERS,
): string {
  // The embedded server needs a shell and a unix socket.
  if (process.platform === "win32") throw notFound("Windows has none");
  const chosen = env["POOLMQ_REDIS_SERVER"];
  if (chosen) {
    if (isExecutable(chosen)) return resolve(chosen); // absolute, because it is started in another folder
    throw notFound(`POOLMQ_REDIS_SERVER is ${chosen}, which can't be run`);
  }
  const folders = [
    ...(env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""),
    ...usualFolders,
  ];
  for (const folder of folders) {
    for (const name of NAMES) {
      const path = resolve(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  throw notFound("looked on PATH and in the usual folders");
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function notFound(looked: string): RedisNotFoundError {
  return new RedisNotFoundError({
    looked,
    install: installHint(),
    docker: DOCKER,
    url: "redis://localhost:6379",
  });
}

/** How to install Redis on this machine. */
export function installHint(
  platform: NodeJS.Platform = process.platform,
  osRelease: string = readOsRelease(),
): string {
  if (platform === "win32") return "use WSL (wsl --install, then sudo apt-get install redis-server)";
  if (platform === "darwin") return "brew install redis";
  const distribution = /^ID(?:_LIKE)?=.*$/gm;
  const ids = (osRelease.match(distribution) ?? []).join(" ");
  if (/alpine/.test(ids)) return "apk add redis";
  if (/debian|ubuntu/.test(ids)) return "sudo apt-get install redis-server";
  if (/fedora|rhel|centos/.test(ids)) return "sudo dnf install redis (or valkey)";
  if (/arch/.test(ids)) return "sudo pacman -S valkey";
  return "the package redis or valkey of your system";
}

function readOsRelease(): string {
  try {
    return readFileSync("/etc/os-release", "utf8");
  } catch {
    return "";
  }
}

import { existsSync } from "node:fs";
import { fetchStep } from "./fetch-step.mjs";
import { onPath } from "./on-path.mjs";
import { CACHE } from "./places.mjs";
import { redisFromApt } from "./redis-from-apt.mjs";
import { say } from "./say.mjs";

const SERVERS = ["redis-server", "valkey-server"];

/** What to do if this script can't get a server. */
export const HOW_TO_INSTALL = `no Redis server was found, and none could be brought. Install one and come back:
  macOS            brew install redis
  Debian, Ubuntu   sudo apt-get install redis-server
  Fedora, RHEL     sudo dnf install valkey
  Arch             sudo pacman -S valkey
  Alpine           sudo apk add redis
  Windows          use WSL, and one of the above`;

/**
 * The folder of a Redis server to put on PATH, `""` if one is on PATH, or `undefined` if there is no way to get one.
 *
 * @returns {Promise<string | undefined>}
 */
export async function findRedis() {
  if (SERVERS.some((name) => onPath(name))) return "";
  // Checked before apt, because a server that was unpacked earlier may be there without apt.
  if (existsSync(`${CACHE}/redis/bin`)) return `${CACHE}/redis/bin`;
  if (onPath("apt-get") && onPath("dpkg-deb")) return redisFromApt();
  const brew = onPath("brew");
  if (brew) {
    say("installing Redis with Homebrew (brew install redis)");
    await fetchStep("Redis", brew, ["install", "redis"]);
    return "";
  }
  return undefined;
}

/**
 * Vitest's global setup: what the tests of this run start and make must be gone at its end, or the run fails and says
 * what is left. Several runs may take place at the same time. Each gives its processes a temporary folder of its own, by
 * which they are recognized; even processes that get only an allow-list of variables inherit it.
 */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "./until.ts";

/** How long processes that were told to end may take, in ms. */
const PATIENCE_MS = 5_000;

/** Paths or titles of Vitest's own processes, which end only after this check. */
const OF_VITEST = /[/\\]vitest[/\\]|^vitest-|\(vitest\b/;

/** The folder of this run. */
let folder: string | undefined;

export function setup(): void {
  // The environment of another process can be read only on Linux.
  if (!existsSync("/proc/self/environ")) return;
  // Short, because paths of sockets are limited.
  folder = mkdtempSync(join(tmpdir(), "pq-"));
  process.env["TMPDIR"] = folder;
}

export async function teardown(): Promise<void> {
  if (folder === undefined) return;
  const own = folder;
  try {
    await until(() => leftIn(own).length === 0, { what: "the end", timeoutMs: PATIENCE_MS, everyMs: 50 });
  } catch (cause) {
    const left = leftIn(own);
    for (const { pid } of left) if (pid !== undefined) end(pid);
    const lines = left.map(({ what }) => `  ${what}`).join("\n");
    throw new Error(`The tests left these behind (processes were killed now):\n${lines}`, { cause });
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

interface Left {
  readonly what: string;
  readonly pid?: number;
}

function leftIn(folder: string): Left[] {
  const files = readdirSync(folder)
    .filter((name) => name.startsWith("poolmq-"))
    .map((name) => ({ what: `folder ${join(folder, name)}` }));
  return [...processesOf(folder), ...files];
}

/** Processes that were started with this folder, or one within, for their temporary files. */
export function processesOf(folder: string): Left[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      // Empty for a zombie, and not readable for other users' processes.
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      if (!environment.some((entry) => entry.startsWith(`TMPDIR=${folder}`))) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return OF_VITEST.test(command) ? [] : [{ pid: Number(name), what: `process ${name}: ${command}` }];
    } catch {
      return [];
    }
  });
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

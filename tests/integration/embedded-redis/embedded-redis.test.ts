import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import {
  findRedisServer,
  installHint,
  removeStaleFolders,
  startEmbeddedRedis,
} from "@poolmq/producer/internal";
import type { EmbeddedRedis } from "@poolmq/producer/internal";
import { resolveConnection } from "@poolmq/shared/internal";
import { checkServer, connect, destroyConnection } from "@poolmq/shared/redis";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { descendantsOf, isRunning, processesNaming, Program } from "../../support/processes.ts";
import { until, within } from "../../support/until.ts";

function folderOf({ url }: Pick<EmbeddedRedis, "url">): string {
  return dirname(decodeURIComponent(new URL(url).pathname));
}

async function untilNothingIsLeft(folder: string): Promise<void> {
  await until(() => processesNaming(folder).length === 0 && !existsSync(folder), {
    what: `the end of ${folder}`,
  });
}

/** Ping, through a connection of its own. */
async function ping(url: string): Promise<string> {
  const resolved = resolveConnection(url);
  if (!resolved) throw new Error("No URL");
  const connection = await connect(resolved, { role: "commands", connectTimeoutMs: 2_000 });
  try {
    await checkServer(connection, url);
    return await connection.ping();
  } finally {
    destroyConnection(connection);
  }
}

/** A process with an embedded Redis, which writes the address and goes on as told. */
function startOwner(then: string, env: Record<string, string> = {}): Program {
  const program = Program.source(
    `import { startEmbeddedRedis } from "@poolmq/producer/internal";
     const redis = await startEmbeddedRedis();
     console.log(redis.url + " " + redis.pid);
     ${then}`,
    { env },
  );
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

async function redisOf(owner: Program): Promise<{ folder: string; url: string; pid: number }> {
  const [, url = "", pid] = await owner.line(/^(unix:\S+) (\d+)$/m);
  return { url, folder: folderOf({ url }), pid: Number(pid) };
}

describe("an embedded Redis", () => {
  test("serves this user alone, on no port, and writes nothing to disk", async () => {
    await using redis = await startEmbeddedRedis();
    expect(await ping(redis.url)).toBe("PONG");
    const folder = folderOf(redis);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "redis.sock")).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual(["redis.sock"]);
    expect(isRunning(redis.pid)).toBe(true);
  });

  test("is gone when close() resolves, which may be called twice", async () => {
    const redis = await startEmbeddedRedis();
    await Promise.all([redis.close(), redis.close()]);
    await redis.close();
    expect(existsSync(folderOf(redis))).toBe(false);
    expect(processesNaming(folderOf(redis))).toEqual([]);
    expect(isRunning(redis.pid)).toBe(false);
  });

  test("closes at once even if Redis is stopped or busy", async () => {
    const redis = await startEmbeddedRedis();
    process.kill(redis.pid, "SIGSTOP");
    await within(2_000, "close()", redis.close());
    expect(isRunning(redis.pid)).toBe(false);
  });

  test("does not get this process's environment", async () => {
    vi.stubEnv("CANARY", "canary");
    onTestFinished(() => void vi.unstubAllEnvs());
    await using redis = await startEmbeddedRedis();
    const { readFileSync } = await import("node:fs");
    if (process.platform === "linux")
      expect(readFileSync(`/proc/${redis.pid}/environ`, "utf8")).not.toContain("canary");
  });

  test("reports its own end, and how it came", async () => {
    const { promise: exit, resolve } = Promise.withResolvers<unknown>();
    const redis = await startEmbeddedRedis({ onExit: resolve });
    process.kill(redis.pid, "SIGKILL");
    expect(await exit).toMatchObject({
      code: "EMBEDDED_REDIS",
      signal: "SIGKILL",
      message: expect.stringMatching(/ended unexpectedly \(signal SIGKILL\).*ready to accept connections/is),
    });
    expect(existsSync(folderOf(redis))).toBe(false);
    await redis.close();
  });

  test("ends with its guard, and reports that", async () => {
    const { promise: exit, resolve } = Promise.withResolvers<unknown>();
    const redis = await startEmbeddedRedis({ onExit: resolve });
    const guard = processesNaming(folderOf(redis)).find(({ parent }) => parent === process.pid);
    process.kill(guard?.pid ?? 0, "SIGKILL");
    expect(await exit).toMatchObject({ code: "EMBEDDED_REDIS" });
    await untilNothingIsLeft(folderOf(redis));
  });

  test("that does not start says why", async () => {
    vi.stubEnv("POOLMQ_REDIS_SERVER", "/bin/false");
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(startEmbeddedRedis()).rejects.toMatchObject({
      code: "EMBEDDED_REDIS",
      exitCode: 1,
      message: expect.stringContaining("(/bin/false) did not start (exit code 1). It wrote nothing."),
    });
  });

  test("stops starting when its signal fires, and leaves nothing", async () => {
    const base = mkdtempSync(join(tmpdir(), "abort-"));
    onTestFinished(() => rmSync(base, { recursive: true }));
    vi.stubEnv("TMPDIR", base);
    onTestFinished(() => void vi.unstubAllEnvs());
    const controller = new AbortController();
    const starting = startEmbeddedRedis({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(starting).rejects.toBe(reason);
    expect(readdirSync(base)).toEqual([]);
  });

  test.for([
    ["spaces, quotes and umlauts", "a b'c\"d $(x) ü"],
    ["a path that is too long for a socket", "long".repeat(30)],
  ])("copes with %s in TMPDIR", async ([, name = ""]) => {
    const base = join(mkdtempSync(join(tmpdir(), "odd-")), name);
    mkdirSync(base);
    onTestFinished(() => rmSync(dirname(base), { recursive: true }));
    vi.stubEnv("TMPDIR", base);
    onTestFinished(() => void vi.unstubAllEnvs());
    const redis = await startEmbeddedRedis();
    expect(await ping(redis.url)).toBe("PONG");
    await redis.close();
    expect(existsSync(folderOf(redis))).toBe(false);
  });
});

describe("when the process that made it ends, nothing is left", () => {
  test("by itself: a forgotten Redis does not keep it alive", async () => {
    const owner = startOwner("");
    const { folder } = await redisOf(owner);
    expect(await owner.exited).toEqual({ code: 0, signal: null });
    await untilNothingIsLeft(folder);
  });

  test("by process.exit()", async () => {
    const owner = startOwner("process.exit(3);");
    const { folder } = await redisOf(owner);
    expect(await owner.exited).toEqual({ code: 3, signal: null });
    await untilNothingIsLeft(folder);
  });

  test("by SIGKILL, even while a child that it started later lives on", async () => {
    const owner = startOwner(
      `const { spawn } = await import("node:child_process");
       const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
       console.log("child " + child.pid);
       setInterval(() => undefined, 1_000);`,
    );
    const { folder, url } = await redisOf(owner);
    const child = Number((await owner.line(/^child (\d+)$/m))[1]);
    onTestFinished(() => void process.kill(child, "SIGKILL"));
    expect(await ping(url)).toBe("PONG");
    owner.kill("SIGKILL");
    await untilNothingIsLeft(folder);
    expect(isRunning(child)).toBe(true);
  });

  test("by Ctrl-C, which does not reach Redis before the process is done with it", async () => {
    // A group of its own, to be signalled as a whole, as a terminal does.
    const group = spawn(
      process.execPath,
      [
        "--conditions=@poolmq/source",
        "--input-type=module-typescript",
        "--eval",
        `import { startEmbeddedRedis } from "@poolmq/producer/internal";
         import { setTimeout as delay } from "node:timers/promises";
         const redis = await startEmbeddedRedis({ onExit: () => console.log("lost") });
         process.once("SIGINT", async () => { await delay(200); console.log("done"); process.exit(); });
         setInterval(() => undefined, 1_000);
         console.log(redis.url);`,
      ],
      {
        cwd: fileURLToPath(new URL("..", import.meta.url)),
        detached: true,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let output = "";
    group.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    const url = await until(() => /^unix:\S+/m.exec(output)?.[0], { what: "the address" });
    process.kill(-(group.pid ?? 0), "SIGINT");
    await new Promise((resolve) => group.once("close", resolve));
    expect(output).toBe(`${url}\ndone\n`);
    await untilNothingIsLeft(folderOf({ url }));
  });

  test("not even a process while close() is under way", async () => {
    const owner = startOwner("void redis.close();");
    const { folder } = await redisOf(owner);
    expect(await owner.exited).toEqual({ code: 0, signal: null });
    expect(descendantsOf(owner.pid)).toEqual([]);
    await untilNothingIsLeft(folder);
  });
});

test("folders that a power cut left are removed; live, young and foreign ones are not", async () => {
  const redis = await startEmbeddedRedis();
  const base = dirname(folderOf(redis));
  const old = new Date(Date.now() - 3_600_000);
  const make = (name: string) => {
    const folder = mkdtempSync(join(base, name));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
  const [dead, young, foreign] = [make("poolmq-redis-"), make("poolmq-redis-"), make("other-")];
  for (const folder of [dead, foreign, folderOf(redis)]) utimesSync(folder, old, old);
  await removeStaleFolders(base);
  expect([dead, young, foreign, folderOf(redis)].map((folder) => existsSync(folder))).toEqual([
    false,
    true,
    true,
    true,
  ]);
  await redis.close();
});

describe("without a Redis server on this machine", () => {
  test("says what to install, and how to go on with Docker", () => {
    expect(() => findRedisServer({ PATH: "" }, [])).toThrow(
      expect.objectContaining({
        code: "REDIS_NOT_FOUND",
        message: expect.stringMatching(
          /Install one: .*docker run -d -p 6379:6379 .*REDIS_URL=redis:\/\/localhost:6379/s,
        ),
      }),
    );
  });

  test("says so if POOLMQ_REDIS_SERVER can't be run", async () => {
    vi.stubEnv("POOLMQ_REDIS_SERVER", "/nowhere/redis-server");
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(startEmbeddedRedis()).rejects.toThrow(
      "POOLMQ_REDIS_SERVER is /nowhere/redis-server, which can't be run",
    );
  });

  test.for<[NodeJS.Platform, string, RegExp]>([
    ["linux", "ID=debian\n", /apt-get install redis-server/],
    ["linux", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', /apt-get install redis-server/],
    ["linux", "ID=fedora\n", /dnf install/],
    ["linux", "ID=alpine\n", /apk add redis/],
    ["linux", "", /the package redis or valkey/],
    ["darwin", "", /brew install redis/],
    ["win32", "", /WSL/],
  ])("on %s %j", ([platform, osRelease, hint]) => {
    expect(installHint(platform, osRelease)).toMatch(hint);
  });
});

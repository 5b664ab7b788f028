/** `poolmq replay`: a failed item, run once more in a terminal. */

import { rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Pool } from "@poolmq/producer";
import type { RemoteInfo } from "@poolmq/producer";
import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/replayed-tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, temporaryFolder } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { runPoolmq, startPoolmq } from "../../support/worker-program.ts";

const redis = redisForFile();
const MODULE = new URL("../../fixtures/replayed-tasks.ts", import.meta.url);
const KEY = "a signing key of the tests, long enough";
/** Sent as bytes beside the job. */
const LARGE = 64 * 1024;

/** What a task threw, with where it ran. */
type RemoteError = Error & { readonly remote: RemoteInfo };

class Failed extends Stage {
  readonly #env: Record<string, string>;

  constructor(env: Record<string, string> = {}) {
    super(redis());
    this.#env = env;
  }

  get at(): string[] {
    return ["-q", this.queue, "-r", redis().url, "-t", fileURLToPath(MODULE)];
  }

  replay(map: string, index: number | string, env: Record<string, string> = {}, ...args: string[]) {
    return runPoolmq(["replay", map, String(index), ...this.at, ...args], { ...this.#env, ...env });
  }
}

const ITEMS = ["a", "b", "c", "d", "e"].map((name) => ({ name, bytes: new Uint8Array(LARGE) }));

/** A map whose every item failed, and whose producer lives. */
async function failedMap(stage: Failed, options: { readonly signingKey?: string } = {}): Promise<void> {
  const pool = stage.localPool<typeof tasks>({ tasks: MODULE, ...options });
  const factor = await pool.share({ by: 2 });
  const pairs = ITEMS.map((item) => [item, factor] as const);
  const map = pool.starmap("weigh", pairs, { mapId: "scales", chunksize: 2 });
  await expect(map).rejects.toMatchObject({ message: expect.stringContaining("no scales for") as unknown });
}

test("a failed item runs again with its arguments, bytes and shared values, and as a worker runs it", async () => {
  const stage = new Failed();
  await failedMap(stage);
  const failed = await stage.replay("scales", 3);
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.output).toMatch(/RangeError: no scales for d\n +at weigh .*replayed-tasks\.ts:/);
  const mended = await stage.replay("sca", 4, { POOLMQ_TASK_MENDED: "1", MY_SECRET: "x" });
  expect(mended).toMatchObject({ code: 0 });
  expect(mended.output).toContain(`'scales[4] e ${LARGE * 2} true '`);
  expect(mended.output).toContain('"msg":"weighing"');
});

test("with --inspect-brk it waits for a debugger, and stops before the function is called", async () => {
  const stage = new Failed();
  await failedMap(stage);
  const program = startPoolmq(["replay", "scales", "0", ...stage.at, "--inspect-brk", "127.0.0.1:0"]);
  const [, url = ""] = await program.line(/Debugger listening on (ws:\S+)/);
  const debug = new WebSocket(url);
  await new Promise((resolve) => debug.addEventListener("open", resolve, { once: true }));
  const paused = new Promise<string>((resolve) => {
    debug.addEventListener("message", ({ data }) => {
      if (String(data).includes('"Debugger.paused"')) resolve(String(data));
    });
  });
  for (const [id, method] of [
    "Runtime.enable",
    "Debugger.enable",
    "Runtime.runIfWaitingForDebugger",
  ].entries()) {
    debug.send(JSON.stringify({ id, method }));
  }
  expect(await paused).toContain('"name":"pausing"');
  debug.send(JSON.stringify({ id: 9, method: "Debugger.disable" }));
  await program.line(/RangeError: no scales for a/);
  debug.close();
  expect(await program.exited).toMatchObject({ code: 1 });
});

test("it ends with the command that started it", async () => {
  const stage = new Failed();
  await failedMap(stage);
  const program = startPoolmq(["replay", "scales", "0", ...stage.at, "--inspect-brk=127.0.0.1:0"]);
  await program.line(/Debugger listening on/);
  program.kill("SIGTERM");
  // Its output is at an end only when its process has ended too, which waits for a debugger.
  expect(await program.exited).toMatchObject({ code: 1 });
  expect(program.output).toContain("The process of the item was ended by SIGTERM");
});

test("of a queue whose producers sign, an item runs only for those who have the key", async () => {
  const stage = new Failed();
  await failedMap(stage, { signingKey: KEY });
  const without = await stage.replay("scales", 0);
  expect(without).toMatchObject({ code: 1 });
  expect(without.output).toContain(
    "it is signed. Give the key with --signing-key-file or POOLMQ_SIGNING_KEY",
  );
  const other = await stage.replay("scales", 0, { POOLMQ_SIGNING_KEY: KEY.toUpperCase() });
  expect(other.output).toContain("its signature is not of a `signingKey`");
  const mine = { POOLMQ_SIGNING_KEY: KEY, POOLMQ_TASK_MENDED: "1" };
  expect(await stage.replay("scales", 0, mine)).toMatchObject({ code: 0 });
});

test("with `keepFailed`, items of a call without a `mapId` are kept too, some of each map", async () => {
  const stage = new Failed();
  const pool = stage.localPool<typeof tasks>({ tasks: MODULE });
  const pairs = Array.from(
    { length: 30 },
    (_, i) => [{ name: `n${i}`, bytes: new Uint8Array(20_000) }, { by: 3 }] as const,
  );
  const map = pool.starmap("weigh", pairs, { keepFailed: true });
  await expect(map).rejects.toMatchObject({ name: "RangeError" });
  const admin = redis().admin;
  // Its other keys go when it has ended.
  await until(async () => (await admin.exists(stage.keys.done(map.id))) === 0, {
    what: "the map to be forgotten",
  });
  expect(await admin.hlen(stage.keys.failed(map.id))).toBe(20);
  expect(await admin.hlen(stage.keys.in(map.id))).toBe(20);
  expect(await admin.pttl(stage.keys.in(map.id))).toBeGreaterThan(60 * 60_000);
  const [index = ""] = await admin.hkeys(stage.keys.failed(map.id));
  const again = await stage.replay(map.id, index, { POOLMQ_TASK_MENDED: "1" });
  expect(again.output).toContain(`n${index} 60000 true`);
  const fine = pool.apply("echo", ["x"], { keepFailed: true });
  expect(await fine).toBe("x");
  await until(async () => (await admin.exists(stage.keys.done(fine.id))) === 0, {
    what: "the call to be forgotten",
  });
  expect(await admin.exists(stage.keys.failed(fine.id), stage.keys.in(fine.id))).toBe(0);
});

test("of a pool in memory, the error says how its item runs again, from a file that only its user can read", async () => {
  const pool = new Pool<typeof tasks>({ tasks: MODULE, processes: 1, connection: "memory" });
  onTestFinished(() => pool.terminate());
  const factor = await pool.share({ by: 2 });
  const pairs = ITEMS.map((item) => [item, factor] as const);
  const plain = (await rejection(pool.starmap("weigh", pairs))) as RemoteError;
  expect(plain.remote).not.toHaveProperty("replay");
  const kept = (await rejection(
    pool.starmap("weigh", pairs, { keepFailed: true, chunksize: 2 }),
  )) as RemoteError;
  const [, path = ""] = /^npx poolmq replay (\S+\.replay)$/.exec(kept.remote.replay ?? "") ?? [];
  onTestFinished(() => rmSync(dirname(path), { recursive: true }));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const failed = await runPoolmq(["replay", path]);
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.output).toContain("RangeError: no scales for a");
  const mended = await runPoolmq(["replay", path], { POOLMQ_TASK_MENDED: "1" });
  expect(mended.output).toContain(`a ${LARGE * 2} true `);
  const other = join(temporaryFolder(), "other.replay");
  writeFileSync(other, "something else");
  expect(await runPoolmq(["replay", other])).toMatchObject({ code: 2 });
  expect(await runPoolmq(["replay", `${other}.replay`])).toMatchObject({ code: 2 });
});

test("what is not there, and what is wrong, is told", async () => {
  const stage = new Failed();
  await failedMap(stage);
  const nobody = await stage.replay("scales", 5);
  expect(nobody).toMatchObject({ code: 3 });
  expect(nobody.output).toContain("Nothing is kept of item 5 of scales: it did not fail, or");
  expect(await stage.replay("other", 0)).toMatchObject({ code: 3 });
  expect(await stage.replay("scales", "first")).toMatchObject({ code: 2 });
  expect(await runPoolmq(["replay", "scales"])).toEqual({
    code: 2,
    output: "poolmq: Expected the index of an item: `poolmq errors scales` lists those that failed\n",
  });
  expect(await runPoolmq(["replay", "scales", "0"])).toEqual({
    code: 2,
    output: "poolmq: Expected --tasks <module>: the module that the workers run\n",
  });
  const module = fileURLToPath(new URL("../../fixtures/one-task.ts", import.meta.url));
  const elsewhere = await stage.replay("scales", 0, {}, "--tasks", module);
  expect(elsewhere).toMatchObject({ code: 2 });
  expect(elsewhere.output).toMatch(/Expected .*one-task\.ts to export the function "weigh" of the map, got /);
});

test.for<[string, string, string]>([
  ["./no-such-file.ts", "", "did not load: .*: there is no such file\\n"],
  [
    "tasks.ts",
    "throw new RangeError('no licence');",
    "did not load: no licence\\nRangeError: no licence\\n +at ",
  ],
  [
    "tasks.ts",
    "export function weigh() {}\nexport function initializer() { throw new RangeError('no licence'); }",
    "has an initializer that failed: no licence\\nRangeError: no licence\\n +at .*initializer ",
  ],
])("a tasks module that fails is told in a sentence, not as a crash: %s %s", async ([name, source, said]) => {
  const stage = new Failed();
  await failedMap(stage);
  const module = join(temporaryFolder(), name);
  if (source !== "") writeFileSync(module, source);
  const { code, output } = await runPoolmq(["replay", "scales", "3", ...stage.at, "-t", module]);
  expect(output).toMatch(new RegExp(`^poolmq: The tasks module \\S+ ${said}`));
  expect(output).not.toMatch(/triggerUncaughtException|node:internal/);
  expect(code).toBe(1);
});

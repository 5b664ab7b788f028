/** Commands that were mistyped, or that name what is not there: none may do something else than was meant. */

import { expect, onTestFinished, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { rejection } from "../../support/stage.ts";
import { Watched } from "../../support/watched.ts";
import { runPoolmq } from "../../support/worker-program.ts";

const redis = redisForFile();

class Mistaken extends Watched {
  constructor() {
    super(redis());
  }

  run(...args: string[]) {
    return runPoolmq([...args, "-q", this.queue, "-r", redis().url]);
  }
}

test("an empty id, as of a variable that is not set, means nothing, and not the only map or machine", async () => {
  const stage = new Mistaken();
  const machine = await stage.workers();
  const map = stage.client().map("step", stage.steps("wait"));
  const cancelled = rejection(map);
  onTestFinished(() => cancelled.then(() => undefined));
  await stage.map(map.id);
  const noMap = { code: 2, output: 'poolmq: Expected the id of a map, or its beginning, got ""\n' };
  for (const args of [
    ["cancel", ""],
    ["errors", ""],
    ["retry", ""],
    ["kill-item", "", "0"],
    ["logs", "--map", ""],
  ]) {
    expect(await stage.run(...args), args.join(" ")).toEqual(noMap);
  }
  const noMachine = { code: 2, output: 'poolmq: Expected a worker machine, got ""\n' };
  for (const args of [
    ["drain", ""],
    ["resize", "", "3"],
    ["logs", "--machine", ""],
  ]) {
    expect(await stage.run(...args), args.join(" ")).toEqual(noMachine);
  }
  const { maps, machines } = await stage.watcher.read();
  expect(maps).toMatchObject([{ id: map.id, state: "running" }]);
  expect(machines).toMatchObject([{ id: machine.id, processes: 1 }]);
  map.cancel();
});

test("shards asks for the servers, and does not take the one of REDIS_URL for the list", async () => {
  const stage = new Mistaken();
  const { code, output } = await runPoolmq(["shards", "-q", stage.queue], { REDIS_URL: redis().url });
  expect(output).toBe("poolmq: Expected --redis once for each server that the queue is to have, got none\n");
  expect(code).toBe(2);
  expect(await redis().admin.exists(stage.keys.shards)).toBe(0);
});

test("logs says so if there is nothing to show", async () => {
  const stage = new Mistaken();
  expect(await stage.run("logs")).toEqual({
    code: 0,
    output: "poolmq: nothing to show: no worker machine is alive on this queue\n",
  });
  await stage.workers();
  expect(await stage.run("logs", "--task", "nothing")).toEqual({
    code: 0,
    output: "poolmq: nothing to show: no machine has kept a line that names the task nothing\n",
  });
});

test("what is not there is answered with where to look", async () => {
  const stage = new Mistaken();
  expect(await stage.run("kill-item", "m", "0")).toEqual({
    code: 3,
    output: "poolmq: No process runs item 0 of m: `poolmq workers` shows what runs\n",
  });
  expect(await stage.run("purge", "m")).toEqual({
    code: 3,
    output:
      'poolmq: There is no map "m" on this queue. `poolmq purge --dry-run` lists what is left of maps whose producer is gone\n',
  });
  expect(await stage.run("replay", "failed.json")).toMatchObject({
    code: 2,
    output: expect.stringContaining('or a file *.replay, got "failed.json"') as string,
  });
});

/** A forgotten connection must not keep its process alive: real processes that end by themselves, or do not. */

import { expect, onTestFinished, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { redisForFile, RedisServer } from "../../support/redis-server.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const redis = redisForFile();

const CONNECT = `
  import { resolveConnection } from "@poolmq/shared/internal";
  import { checkServer, connect, unrefConnection } from "@poolmq/shared/redis";
  const resolved = resolveConnection(process.argv[1]);
  const redis = await connect(resolved, { role: "commands" });
`;

async function expectEnd(program: Program, lastWords: string): Promise<void> {
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.output.trim()).toBe(lastWords);
}

test("while it is open", async () => {
  await using program = Program.source(
    `${CONNECT}
     unrefConnection(redis);
     const held = setInterval(() => undefined, 1_000);
     await checkServer(redis, "here");
     clearInterval(held);
     console.log("end");`,
    { args: [redis().url] },
  );
  await expectEnd(program, "end");
});

test("while it waits for a reply that may never come", async () => {
  await using program = Program.source(
    `${CONNECT}
     unrefConnection(redis);
     redis.blpop("nothing comes here", 0).catch(() => undefined);
     await new Promise(setImmediate);
     console.log("end");`,
    { args: [redis().url] },
  );
  await expectEnd(program, "end");
});

test("nor does what is duplicated from it", async () => {
  await using program = Program.source(
    `${CONNECT}
     unrefConnection(redis);
     const copy = redis.duplicate().duplicate({ connectionName: "copy" });
     const held = setInterval(() => undefined, 1_000);
     await copy.subscribe("channel");
     clearInterval(held);
     console.log("end");`,
    { args: [redis().url] },
  );
  await expectEnd(program, "end");
});

test("while it reconnects", async () => {
  const server = await RedisServer.start({ listen: "tcp" });
  onTestFinished(() => server.stop());
  await using program = Program.source(
    `${CONNECT}
     unrefConnection(redis);
     const held = setInterval(() => undefined, 1_000);
     let attempts = 0;
     redis.on("reconnecting", () => { if (++attempts === 4) { clearInterval(held); console.log("end"); } });
     console.log("connected");`,
    { args: [server.url] },
  );
  await program.line(/connected/);
  await server.kill();
  await expectEnd(program, "connected\nend");
});

test("while it connects to a host that does not answer", async () => {
  const server = await RedisServer.start({ listen: "tcp" });
  onTestFinished(() => server.stop());
  const proxy = await TcpProxy.start(server);
  onTestFinished(() => proxy.stop());
  await using program = Program.source(
    `${CONNECT}
     unrefConnection(redis);
     const held = setInterval(() => undefined, 1_000);
     redis.on("connect", () => { clearInterval(held); console.log("end"); });
     console.log("connected");`,
    { args: [proxy.url] },
  );
  await program.line(/connected/);
  // Takes new connections, and never says a word.
  server.pause();
  proxy.cut();
  await expectEnd(program, "connected\nend");
});

test("a connection that nobody made so does keep it alive", async () => {
  await using program = Program.source(
    `${CONNECT}
     console.log("end");
     setTimeout(() => { console.log("still there"); redis.disconnect(); }, 300).unref();`,
    { args: [redis().url] },
  );
  await expectEnd(program, "end\nstill there");
});

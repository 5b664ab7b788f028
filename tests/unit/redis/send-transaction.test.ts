import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

import { sendTransaction } from "../../../packages/shared/src/redis/send-transaction.ts";

const COMMANDS = [
  ["set", "a", Buffer.from("ä")],
  ["set", "é", 2],
] as const;

const TEXT =
  "*1\r\n$5\r\nmulti\r\n*3\r\n$3\r\nset\r\n$1\r\na\r\n$2\r\nä\r\n*3\r\n$3\r\nset\r\n$2\r\né\r\n$1\r\n2\r\n*1\r\n$4\r\nexec\r\n";

/** Answers that a server gives, by the number of the connection. After the first one's, it closes the connection. */
async function connectedTo(...answers: readonly string[]): Promise<{ redis: Redis; heard: string[] }> {
  const heard: string[] = [];
  const server = createServer((socket) => {
    const place = heard.push("") - 1;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      const text = data.toString();
      heard[place] += text;
      if (!text.includes("multi"))
        socket.write("-ERR unknown command\r\n".repeat(text.split(/^\*/m).length - 1));
      else if (place === answers.length - 1) socket.write(answers[place] ?? "");
      else socket.end(answers[place] ?? "");
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const redis = new Redis({ port, enableReadyCheck: false, retryStrategy: () => 1, protocol: 2 });
  onTestFinished(() => {
    redis.disconnect();
    server.close();
  });
  return { redis, heard };
}

const WHOLE = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:7\r\n";

test("a transaction is written in one piece, and gives the answer to its last command", async () => {
  const { redis, heard } = await connectedTo(WHOLE);
  expect(await sendTransaction(redis, COMMANDS)).toBe(7);
  expect(heard.at(-1)).toContain(TEXT);
});

test("a transaction of which nothing was answered is sent again as a whole when the connection is lost", async () => {
  const { redis, heard } = await connectedTo("", WHOLE);
  expect(await sendTransaction(redis, COMMANDS)).toBe(7);
  expect(heard.map((text) => text.split(TEXT).length - 1)).toEqual([1, 1]);
});

test("nothing of a transaction is sent again when the connection is lost in the middle of the answers", async () => {
  const { redis, heard } = await connectedTo("+OK\r\n", WHOLE);
  await expect(sendTransaction(redis, COMMANDS)).rejects.toThrow("connection close");
  expect(await sendTransaction(redis, COMMANDS)).toBe(7);
  expect(heard[1]?.slice(heard[1].indexOf("*1\r\n$5\r\nmulti"))).toBe(TEXT);
});

test("what Redis refuses is the first error, before the commands are queued or after", async () => {
  const early = "+OK\r\n-OOM full\r\n+QUEUED\r\n-EXECABORT\r\n";
  await expect(sendTransaction((await connectedTo(early)).redis, COMMANDS)).rejects.toThrow("OOM full");
  const late = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n-WRONGTYPE no\r\n";
  await expect(sendTransaction((await connectedTo(late)).redis, COMMANDS)).rejects.toThrow("WRONGTYPE no");
});

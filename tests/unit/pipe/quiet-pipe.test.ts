import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { isBell } from "../../../packages/worker/src/pipe/bell.ts";
import { QuietPipe } from "../../../packages/worker/src/pipe/quiet-pipe.ts";
import { until } from "../../support/until.ts";

/** Both ends of a connection, and what came at the first one. */
async function pipe(): Promise<{ quiet: QuietPipe; reader: Socket; writer: Socket; came: () => string }> {
  const path = join(tmpdir(), `poolmq-quiet-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
  const server = createServer().listen(path);
  await once(server, "listening");
  const writer = new Socket().connect(path);
  const [reader] = (await once(server, "connection")) as [Socket];
  let text = "";
  const take = (data: Buffer): void => {
    text += data.toString();
  };
  reader.on("data", take);
  onTestFinished(async () => {
    for (const end of [reader, writer]) end.destroy();
    server.close();
    await rm(path, { force: true });
  });
  return { quiet: new QuietPipe(reader, take), reader, writer, came: () => text };
}

async function write(writer: Socket, text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    writer.write(text, () => resolve());
  });
}

test("what comes on a quiet pipe waits until it is read, in its order, and until then wakes nobody", async () => {
  const { quiet, writer, came } = await pipe();
  await write(writer, "a");
  await until(() => came() === "a", { what: "the text to come" });
  quiet.start();
  await write(writer, "b");
  // A second connection, served by the same event loop, shows that this one would have been read by now.
  const other = await pipe();
  await write(other.writer, "x");
  await until(() => other.came() === "x", { what: "the text to come" });
  expect(came()).toBe("a");
  expect(quiet.readNow()).toBe(true);
  expect(came()).toBe("ab");
  // Nothing is there.
  expect(quiet.readNow()).toBe(true);
  await write(writer, "c");
  quiet.end();
  await until(() => came() === "abc", { what: "the text to come" });
  expect(quiet.readNow()).toBe(false);
  await write(writer, "d");
  await until(() => came() === "abcd", { what: "the text to come" });
});

test("the end of the other side is noticed, after all that it had written", async () => {
  const { quiet, reader, writer, came } = await pipe();
  quiet.start();
  const ended = once(reader, "end");
  await new Promise<void>((resolve) => {
    writer.end("last words", () => resolve());
  });
  await until(
    () => {
      quiet.readNow();
      return !quiet.isQuiet;
    },
    { what: "the end to be noticed" },
  );
  await ended;
  expect(came()).toBe("last words");
});

test("a pipe that was closed here is no longer quiet", async () => {
  const { quiet, reader } = await pipe();
  quiet.start();
  reader.destroy();
  quiet.readNow();
  expect(quiet.isQuiet).toBe(false);
});

test("only rings of the bell are rings of the bell", () => {
  expect(isBell(Buffer.from("!!"))).toBe(true);
  expect(isBell(Buffer.from("!x"))).toBe(false);
});

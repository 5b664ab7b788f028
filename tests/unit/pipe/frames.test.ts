import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

import { FrameWriter, readFrames } from "@poolmq/worker/internal";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";

/** Both ends of a connection. */
async function ends(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const one = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [other] = (await once(server, "connection")) as [Socket];
  server.close();
  onTestFinished(() => {
    one.destroy();
    other.destroy();
  });
  return [one, other];
}

interface Message {
  readonly text: string;
  readonly bytes: Buffer | undefined;
}

const message = fc.record({
  text: fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
  bytes: fc.option(
    fc.oneof(fc.uint8Array({ minLength: 1 }), fc.integer({ min: 1, max: 300_000 })).map((bytes) => {
      // Of newlines, which are no ends of lines here.
      return typeof bytes === "number" ? Buffer.alloc(bytes, "\n") : Buffer.from(bytes);
    }),
    { nil: undefined },
  ),
});

test("messages come as they were sent, however they are cut on their way", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1 }), async (messages) => {
      const [from, to] = await ends();
      const got: Message[] = [];
      const all = Promise.withResolvers<void>();
      readFrames<{ readonly id: number }>(to, ({ id }, text, bytes) => {
        expect(id).toBe(got.length);
        got.push({ text, bytes });
        if (got.length === messages.length) all.resolve();
      });
      const writer = new FrameWriter(from);
      for (const [id, { text, bytes }] of messages.entries()) writer.write({ id }, text, bytes);
      await all.promise;
      expect(got).toEqual(messages);
    }),
    { numRuns: 30 },
  );
});

test("messages may come byte by byte", async () => {
  const [from, to] = await ends();
  from.setNoDelay(true);
  const got: unknown[] = [];
  const all = Promise.withResolvers<void>();
  readFrames(to, (header, text, bytes) => {
    got.push([header, text, bytes]);
    if (got.length === 3) all.resolve();
  });
  const wire = Buffer.from('{"id":1,"bytes":3}\t"é"\na\nb{"id":2}\n{"id":3}\t[1]\n');
  for (const byte of wire) await new Promise((sent) => from.write(Buffer.of(byte), sent));
  await all.promise;
  expect(got).toEqual([
    [{ id: 1, bytes: 3 }, '"é"', Buffer.from("a\nb")],
    [{ id: 2 }, "", undefined],
    [{ id: 3 }, "[1]", undefined],
  ]);
});

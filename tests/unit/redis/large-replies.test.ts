import { Socket } from "node:net";

import { expect, test } from "vitest";

import { LargeReply } from "../../../packages/shared/src/redis/large-replies.ts";

/** Has line ends, a tag of each type and what looks like a large value, so that only a count can tell where it ends. */
const LARGE = Buffer.from("*1\r\n$70000\r\n>2\r\n".repeat(5_000).slice(0, 70_001));
const NULL = "$-1\r\n";

function text(value: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`$${value.length}\r\n`), Buffer.from(value), Buffer.from("\r\n")]);
}

/** A socket that is given data in pieces, and collects what ioredis would read. */
function socketOf(): {
  readonly socket: Socket;
  readonly read: () => string;
  give(data: Buffer, size: number): void;
} {
  const socket = new Socket();
  const read: Buffer[] = [];
  socket.push = (data: Buffer) => read.push(Buffer.from(data)) > 0;
  return {
    socket,
    read: () => Buffer.concat(read).toString("latin1"),
    give(data, size) {
      for (let at = 0; at < data.length; at += size) {
        // Each piece has memory of its own, as those of a real socket have.
        const piece = Buffer.allocUnsafeSlow(Math.min(size, data.length - at));
        data.copy(piece, 0, at);
        socket.push(piece);
      }
    },
  };
}

/** Sizes of pieces, some of which end in the middle of each mark, line and value. */
const SIZES = [1, 2, 3, 7, 36, 1_000, 65_536, 1_000_000];

for (const size of SIZES) {
  test(`large values are taken out of the marked replies, in pieces of ${size} bytes`, () => {
    const { socket, read, give } = socketOf();
    const [one, two] = [new LargeReply(), new LargeReply()];
    const before = text(LARGE);
    one.expectOn(socket);
    two.expectOn(socket);
    const parts = (large: string | Buffer): Buffer[] => [
      Buffer.from("%1\r\n$3\r\nkey\r\n*3\r\n:12\r\n"),
      typeof large === "string" ? Buffer.from(large) : text(large),
      Buffer.from("*2\r\n_\r\n$5\r\nsmall\r\n"),
    ];
    const small = text("between");
    const mark = (reply: LargeReply): Buffer => text(reply.mark);
    const end = text(LARGE);
    give(Buffer.concat([before, mark(one), ...parts(LARGE), small, mark(two), text(LARGE), end]), size);
    const left = [before, mark(one), ...parts(NULL), small, mark(two), Buffer.from(NULL), end];
    expect(read() === Buffer.concat(left).toString("latin1")).toBe(true);
    expect(two.complete(null)).toEqual(LARGE);
    expect(one.complete([["key", [12, null, [null, "small"]]]])).toEqual([
      ["key", [12, LARGE, [null, "small"]]],
    ]);
  });
}

test("a reply with an error, with nothing, or with only small values stays as it is", () => {
  const { socket, read, give } = socketOf();
  let sent = "";
  for (const reply of [
    "-ERR no\r\n",
    NULL,
    "_\r\n",
    "*0\r\n",
    "*-1\r\n",
    "$0\r\n\r\n",
    "=5\r\ntxt:a\r\n",
    "+OK\r\n",
  ]) {
    const large = new LargeReply();
    large.expectOn(socket);
    const data = `${text(large.mark).toString()}${reply}${text(LARGE).toString()}`;
    sent += data;
    give(Buffer.from(data), 50);
    expect(large.complete("as it is")).toBe("as it is");
  }
  expect(read() === sent).toBe(true);
});

test("a reply that is given up before its mark has come changes nothing", () => {
  const { socket, read, give } = socketOf();
  const [one, two] = [new LargeReply(), new LargeReply()];
  one.expectOn(socket);
  give(text(LARGE), 100);
  one.complete(undefined);
  two.expectOn(socket);
  give(Buffer.concat([text(one.mark), text(LARGE), text(two.mark), text(LARGE)]), 100);
  const left = [text(LARGE), text(one.mark), text(LARGE), text(two.mark), Buffer.from(NULL)];
  expect(read() === Buffer.concat(left).toString("latin1")).toBe(true);
  expect(two.complete(null)).toEqual(LARGE);
});

test("while a large value is on its way, the client hears that the server is there", () => {
  const { socket, give } = socketOf();
  let heard = 0;
  socket.on("data", (data) => {
    heard++;
    expect(data).toHaveLength(0);
  });
  const reply = new LargeReply();
  reply.expectOn(socket);
  give(Buffer.concat([text(reply.mark), text(LARGE)]), 10_000);
  // All but the first piece, which has the mark, and the last, with which the value ends.
  expect(heard).toBe(6);
  expect(reply.complete(null)).toEqual(LARGE);
});

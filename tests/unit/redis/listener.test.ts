import { expect, test } from "vitest";

import { Listener } from "../../../packages/shared/src/redis/listener.ts";

test("a server that sends something is there, however long its answer to a ping takes", () => {
  const stream = { bytesRead: 0 };
  const listener = new Listener({ isCluster: false, stream });
  expect(listener.hasHeard()).toBe(false);
  stream.bytesRead = 10;
  expect(listener.hasHeard()).toBe(true);
  expect(listener.hasHeard()).toBe(false);
});

test("a new connection is no sign of the server until something comes", () => {
  const redis = { isCluster: false, stream: { bytesRead: 100 } };
  const listener = new Listener(redis);
  listener.hasHeard();
  redis.stream = { bytesRead: 0 };
  expect(listener.hasHeard()).toBe(false);
  redis.stream.bytesRead = 5;
  expect(listener.hasHeard()).toBe(true);
});

test("that some node of a Cluster answers says nothing about the one that was asked", () => {
  const listener = new Listener({ isCluster: true, stream: { bytesRead: 100 } });
  expect(listener.hasHeard()).toBe(false);
});

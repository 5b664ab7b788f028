import { EventEmitter } from "node:events";

import { beforeEach, expect, test, vi } from "vitest";

import { Pulse } from "../../../packages/worker/src/supervisor/pulse.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

/** A server that does not answer a ping, as far as a pulse sees it. */
class Unanswering extends EventEmitter {
  readonly status = "ready";
  readonly isCluster = false;
  readonly stream = { bytesRead: 0 };
  ping(): Promise<"PONG"> {
    return new Promise(() => {});
  }
}

beforeEach(() => useFakeTimers());

test("a server from which nothing comes is silent", () => {
  const redis = new Unanswering();
  const pulse = new Pulse(redis as never, () => {});
  vi.advanceTimersByTime(1_000);
  expect(pulse.isSilent).toBe(true);
  pulse.close();
});

test("a busy server that works off what was sent before the ping is not silent", () => {
  const redis = new Unanswering();
  const pulse = new Pulse(redis as never, () => {});
  for (let beat = 0; beat < 20; beat++) {
    redis.stream.bytesRead += 100;
    vi.advanceTimersByTime(250);
    expect(pulse.isSilent).toBe(false);
  }
  vi.advanceTimersByTime(1_000);
  expect(pulse.isSilent).toBe(true);
  pulse.close();
});

import { expect, test } from "vitest";

import {
  adviceFor,
  classifyFailure,
} from "../../../../packages/shared/src/redis/connection/connection-failure.ts";

const PASSING: readonly (readonly [message: string, reason: string, advice: RegExp])[] = [
  ["BUSY Redis is busy running a script. You can only call SCRIPT KILL.", "not-ready", /SCRIPT KILL/],
  ["ERR max number of clients reached", "unreachable", /maxclients/],
  ["ERR unknown command 'info', with args beginning with: ", "permission", /rename-command/],
  ["read ECONNRESET", "unreachable", /rediss:.*maxclients/],
  ["connect ECONNREFUSED 127.0.0.1:6379", "unreachable", /Start Redis/],
];

test("a frozen Error is not taken for a server that can't be used", () => {
  const failure = classifyFailure(
    new TypeError("Cannot assign to read only property 'stackTraceLimit' of function 'function Error() {}'"),
  );
  expect(failure).toMatchObject({ reason: "protocol", final: true });
  expect(adviceFor(failure, "redis://localhost:6379")).toContain("Error.stackTraceLimit");
});

test.each(PASSING)("%s may pass, and the advice fits", (message, reason, advice) => {
  const failure = classifyFailure(new Error(message));
  expect(failure).toMatchObject({ reason, final: false });
  expect(adviceFor(failure, "redis://localhost:6379")).toMatch(advice);
});

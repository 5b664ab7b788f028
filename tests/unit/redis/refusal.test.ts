import { expect, test } from "vitest";

import { RedisRefusedError } from "@poolmq/shared";
import { classifyRefusal, refusedError } from "@poolmq/shared/internal";

/** As Redis 6.2 to 8.0 and Valkey word them, and ioredis. */
const PASSING: readonly (readonly [reason: string, message: string])[] = [
  ["replica", "READONLY You can't write against a read only replica."],
  [
    "replica",
    "ERR Error running script (call to f_1): @user_script:5: @user_script: 5: -READONLY You can't write against a read only replica.",
  ],
  ["loading", "LOADING Redis is loading the dataset in memory"],
  ["loading", "LOADING Valkey is loading the dataset in memory"],
  ["failover", "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  ["failover", "CLUSTERDOWN The cluster is down"],
  [
    "failover",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
  ],
  ["memory", "OOM command not allowed when used memory > 'maxmemory'."],
  [
    "memory",
    "ERR Error running script (call to f_1): @user_script:4: -OOM command not allowed when used memory > 'maxmemory'.",
  ],
  [
    "persistence",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
  ],
  ["replicas", "NOREPLICAS Not enough good replicas to write."],
  ["busy", "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."],
  ["script", "NOSCRIPT No matching script. Please use EVAL."],
  ["connection", "Connection is closed."],
  ["connection", "ERR max number of clients reached"],
  ["connection", "Command aborted due to connection close"],
  ["connection", "connect ECONNREFUSED 127.0.0.1:6379"],
];

const STAYING: readonly (readonly [reason: string, message: string])[] = [
  ["auth", "NOAUTH Authentication required."],
  ["auth", "WRONGPASS invalid username-password pair or user is disabled."],
  ["permission", "NOPERM User app has no permissions to run the 'xread' command"],
  ["permission", "NOPERM this user has no permissions to run the 'xread' command or its subcommand"],
  ["permission", "ERR ACL failure in script: User app has no permissions to run the 'xread' command"],
  [
    "permission",
    "NOPERM The user executing the script can't access at least one of the keys mentioned in the command arguments",
  ],
  ["wrong-type", "WRONGTYPE Operation against a key holding the wrong kind of value"],
  ["too-large", "ERR Protocol error: invalid bulk length"],
  ["too-large", "ERR string exceeds maximum allowed size (proto-max-bulk-len)"],
  ["unknown", "ERR unknown command 'EVALSHA', with args beginning with: "],
];

test.each(PASSING)("%s passes: %s", (reason, message) => {
  expect(classifyRefusal(new Error(message))).toMatchObject({ reason, passes: true });
});

test.each(STAYING)("%s stays: %s", (reason, message) => {
  expect(classifyRefusal(new Error(message))).toMatchObject({ reason, passes: false });
});

test("what Redis answers becomes a typed error, that names the command and leaves its arguments out", () => {
  const answer = Object.assign(new Error("NOPERM User app has no permissions to run the 'xread' command"), {
    name: "ReplyError",
    command: { name: "xread", args: ["secret"] },
  });
  const error = refusedError(answer);
  expect(error).toBeInstanceOf(RedisRefusedError);
  expect(error).toMatchObject({ code: "REDIS_REFUSED", reason: "permission", cause: answer });
  expect((error as Error).message).toBe(
    "Redis refused XREAD: NOPERM User app has no permissions to run the 'xread' command. Give this login what `poolmq acl` prints.",
  );
  expect(JSON.stringify(answer)).not.toContain("secret");
});

test("other errors stay what they are", () => {
  for (const error of [
    new TypeError("x"),
    new RedisRefusedError({ reason: "auth", detail: "d", advice: "a" }),
    7,
  ]) {
    expect(refusedError(error)).toBe(error);
  }
});

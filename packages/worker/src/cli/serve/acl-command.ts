/**
 * `poolmq acl`: prints Redis logins for a queue, one for its producers and one for its workers, each with only the rights
 * that it needs.
 */

import { Command, Option } from "commander";

import { checkQueueName, checkShards, shardNames } from "@poolmq/shared/internal";
import { queueKeys } from "@poolmq/shared/redis";
import { aclRules } from "../../watch/acl.ts";
import type { AclRole } from "../../watch/acl.ts";

import { prefixOption, queueOption, shardsOption } from "../base/queue-options.ts";
import { exitCodeFor, reportError } from "../base/report-error.ts";

interface AclFlags {
  readonly queue: string;
  readonly prefix: string;
  readonly shards?: number;
  readonly role?: AclRole;
}

/** Printed in place of the password, which the operator fills in. */
const PASSWORD = ">CHANGE-ME";

export function aclCommand(): Command {
  return new Command("acl")
    .summary("print the Redis logins that a queue needs")
    .description(
      "Prints ACL SETUSER lines for a Redis login that can do what producers or workers of one queue do, and nothing else. Put a password in place of CHANGE-ME, and run them as an administrator, or write them to the ACL file. Connects to nothing.",
    )
    .helpOption("-h, --help", "print this help")
    .addOption(queueOption())
    .addOption(prefixOption())
    .addOption(shardsOption())
    .addOption(
      new Option(
        "--role <role>",
        "who logs in; both: a pool with workers of its own; watcher: poolmq status and scale-signal; operator: poolmq cancel, pause, drain and so on too (default: a login each for producers and workers)",
      ).choices(["producer", "worker", "both", "watcher", "operator"]),
    )
    .addHelpText(
      "after",
      `
Example:
  $ poolmq acl --queue thumbnails |
      sed "s/CHANGE-ME/$(openssl rand -hex 32)/" | redis-cli`,
    )
    .action(acl);
}

function acl({ queue, prefix, shards = 1, role }: AclFlags): void {
  try {
    checkQueueName("queue", queue);
    checkQueueName("prefix", prefix);
    const keys = shardNames(queue, checkShards(shards)).map((name) => queueKeys(name, prefix));
    for (const each of role === undefined ? (["producer", "worker"] as const) : [role]) {
      const [reset = "", ...rules] = aclRules(keys, each);
      console.log(`ACL SETUSER ${queue}-${each} ${[reset, PASSWORD, ...rules].join(" ")}`);
    }
  } catch (error) {
    reportError(error);
    process.exitCode = exitCodeFor(error);
  }
}

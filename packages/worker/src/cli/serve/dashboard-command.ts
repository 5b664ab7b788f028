/** `poolmq dashboard`: a web page that shows what a queue and its fleet are doing. */

import { Command, Option } from "commander";

import type { Cluster, Redis } from "ioredis";

import { InvalidOptionError } from "@poolmq/shared";
import { checkQueueName, queueShards } from "@poolmq/shared/internal";

import { Access, isLoopback } from "../../dashboard/access.ts";
import { DashboardServer } from "../../dashboard/dashboard-server.ts";
import { loadJobPages } from "../../dashboard/job-pages.ts";
import { readPageFiles } from "../../dashboard/page-files.ts";
import { ShownQueue } from "../../dashboard/shown-queue.ts";
import { DEFAULTS } from "../../worker-options.ts";
import { signingKeyOption, signingKeysOf, whoAmI } from "../base/operator.ts";
import { integer } from "../base/integer.ts";
import { healthHostOption, healthPortOption, serveHealth } from "./health-beside.ts";
import type { HealthFlags } from "./health-beside.ts";
import { prefixOption, redisOptions, shardsOption } from "../base/queue-options.ts";
import { addressOf, shardsGiven } from "../base/reach-shards.ts";
import { joinServers } from "./join-servers.ts";
import { toldToStop } from "./told-to-stop.ts";
import { exitCodeFor, reportUnseen } from "../base/report-error.ts";

interface DashboardFlags extends HealthFlags {
  readonly queue: readonly string[];
  readonly prefix: string;
  readonly redis?: readonly string[];
  readonly shards?: number;
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly write?: true;
  readonly values?: true;
  readonly signingKeyFile?: string;
}

const PORT = 4040;

/** Guessing this many random letters at a thousand a second takes longer than a life. */
const MIN_TOKEN_LENGTH = 16;

export function dashboardCommand(): Command {
  return new Command("dashboard")
    .summary("serve a web page that shows what a queue and its fleet are doing")
    .description(
      "Serves a web page: the maps that run, with their progress, run times and errors; the machines, with what each of their processes runs; the queue, and Redis's memory. By default it changes nothing, and only this machine can reach it.",
    )
    .helpOption("-h, --help", "print this help")
    .addOption(
      new Option("-q, --queue <name>", "queue to show (repeatable)")
        .default([], `POOLMQ_QUEUE, else "${DEFAULTS.queue}"`)
        .argParser((name: string, names: string[]) => [...names, name]),
    )
    .addOption(prefixOption())
    .addOption(redisOptions())
    .addOption(shardsOption())
    .addOption(
      new Option("--port <port>", "port to serve it on; 0: a free one")
        .env("POOLMQ_DASHBOARD_PORT")
        .default(PORT)
        .argParser(integer),
    )
    .addOption(
      new Option("--host <host>", "address to serve it on; others reach it on 0.0.0.0, and need a token")
        .env("POOLMQ_DASHBOARD_HOST")
        .default("127.0.0.1"),
    )
    .addOption(
      new Option(
        "--token <token>",
        `what to log in with, at least ${MIN_TOKEN_LENGTH} characters; better given by its variable, since others on this machine see flags`,
      ).env("POOLMQ_DASHBOARD_TOKEN"),
    )
    .addOption(
      new Option(
        "--write",
        "let the page cancel and retry maps, drain and resize machines, and its pages of single jobs change them",
      ),
    )
    .addOption(
      new Option(
        "--values",
        "let the page show what items were given and have returned, which may be secret",
      ),
    )
    .addOption(signingKeyOption())
    .addOption(healthPortOption())
    .addOption(healthHostOption())
    .addHelpText(
      "after",
      `
Pages of single jobs come from bull-board, if it is installed:
  npm install @bull-board/api @bull-board/express

Examples:
  $ poolmq dashboard
  $ export POOLMQ_DASHBOARD_TOKEN=$(openssl rand -hex 16)
  $ poolmq dashboard --host 0.0.0.0`,
    )
    .action(dashboard);
}

async function dashboard(flags: DashboardFlags): Promise<void> {
  try {
    const { host, port, token } = checked(flags);
    const signingKeys = signingKeysOf(flags);
    const names = flags.queue.length > 0 ? flags.queue : [process.env["POOLMQ_QUEUE"] ?? DEFAULTS.queue];
    const prefix = checkQueueName("prefix", flags.prefix);
    const given = shardsGiven({
      queue: names[0] ?? DEFAULTS.queue,
      redis: flags.redis,
      shards: flags.shards,
    });
    const connections = given.map(({ connection }) => connection);
    const writable = flags.write === true;
    const showsValues = flags.values === true;
    const queues = [...new Set(names)].map((name) => {
      const shards = queueShards(connections, checkQueueName("queue", name));
      const shown = new ShownQueue(
        name,
        shards.map((shard) => ({ name: shard.queue, address: addressOf(shard, shards) })),
        { prefix, signingKeys, by: `the dashboard of ${whoAmI()}`, writable, showsValues },
      );
      return { name, shards, shown };
    });
    const [files, jobPages] = await Promise.all([readPageFiles(), loadJobPages({ writable })]);
    const reached: (Redis | Cluster)[] = [];
    const endHealth = await serveHealth(flags, () => reached);
    const joined = await joinServers(connections, "dashboard", (connection, redis) => {
      reached.push(redis);
      for (const { name, shards, shown } of queues) {
        for (const [at, shard] of shards.entries()) {
          if (shard.connection !== connection) continue;
          const { keys, address } = shown.reached(at, redis);
          if (!("add" in jobPages)) continue;
          jobPages.add({ redis, keys, name: shards.length === 1 ? name : `${name} on ${address}` });
        }
      }
    });
    try {
      const server = await DashboardServer.listen({
        host,
        port,
        access: new Access(token),
        queues: queues.map(({ shown }) => shown),
        files,
        jobPages: "pages" in jobPages ? jobPages.pages : jobPages,
        showsValues,
      });
      console.log(`dashboard at ${server.url}`);
      await toldToStop();
      await endHealth();
      await server.close();
    } finally {
      joined.close();
    }
  } catch (error) {
    reportUnseen(error);
    process.exit(exitCodeFor(error));
  }
  process.exit(0);
}

function checked({ host, port, token }: DashboardFlags): Pick<DashboardFlags, "host" | "port"> & {
  readonly token: string | undefined;
} {
  if (port < 0 || port > 65_535) {
    throw new InvalidOptionError(
      `Expected --port (or POOLMQ_DASHBOARD_PORT) to be from 0 to 65535, got ${port}`,
    );
  }
  if (token !== undefined && token.length < MIN_TOKEN_LENGTH) {
    throw new InvalidOptionError(
      `Expected the token (POOLMQ_DASHBOARD_TOKEN) to have at least ${MIN_TOKEN_LENGTH} characters, got ${token.length}. One that nobody guesses: openssl rand -hex 16`,
    );
  }
  if (token === undefined && !isLoopback(host)) {
    throw new InvalidOptionError(
      `On ${host}, others can reach the dashboard, so it needs a token to log in with: set POOLMQ_DASHBOARD_TOKEN to, say, what \`openssl rand -hex 16\` prints. Without one, it is served on 127.0.0.1`,
    );
  }
  return { host, port, token };
}

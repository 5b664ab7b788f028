/** Nothing that is secret gets into a log, whatever happens: neither of the producer nor of the workers, at any level. */

import { fileURLToPath } from "node:url";

import { queueKeys } from "@poolmq/shared/redis";
import { expect, onTestFinished, test } from "vitest";

import { Forger } from "../../support/forger.ts";
import { Program } from "../../support/processes.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { within } from "../../support/until.ts";
import { startWorker } from "../../support/worker-program.ts";

const MODULE = fileURLToPath(new URL("../../fixtures/printing-tasks.ts", import.meta.url));

const SECRETS = {
  argument: "canary-argument-5d1f",
  result: "canary-result-77aa",
  password: "canary-password-90c3",
  key: "canary-signing-key-of-32-bytes-or-more-b2e8",
};

/** A producer that logs all it can, and tells what its calls came to by code only. */
const PRODUCER = `
  import { Pool } from "@poolmq/producer";
  import { pino } from "pino";
  const [url, queue, log, gate, secret, key] = process.argv.slice(1);
  const logger = pino({ level: "trace" });
  const pool = new Pool({ connection: url, queue, signingKey: key, logger });
  const told = async (name, call) => console.log(name, await call.then(() => "resolved", (error) => error.code ?? error.name));
  await told("returned", pool.map("keepSecret", [{ secret, then: "return" }]));
  await told("thrown", pool.map("keepSecret", [{ secret, then: "throw" }], { attempts: 2, backoff: { type: "fixed", delayMs: 1 } }));
  await told("timeout", pool.map("keepSecret", [{ secret, then: "hang" }], { taskTimeoutMs: 50 }));
  await told("unsendable", pool.map("keepSecret", [{ secret, then: () => 1 }]));
  await told("large", new Pool({ connection: url, queue, signingKey: key, logger, maxPayloadBytes: 10 }).map("keepSecret", [{ secret, then: "return" }]));
  await told("unknown", pool.map("nope", [{ secret }]));
  await told("shared", pool.share(secret));
  const cancelled = pool.map("keepSecret", [{ secret, then: "hang" }]);
  cancelled.cancel();
  await told("cancelled", cancelled);
  await told("login", new Pool({ connection: url.replace(/:\\/\\/:[^@]*@/, "://:wrong-" + secret + "@"), queue, logger }).map("keepSecret", [1]));
  await told("key", new Pool({ connection: url, queue, logger, signingKey: "another-" + key }).map("keepSecret", [{ secret }]));
  await told("held", pool.map("keepSecret", [{ secret, then: "hang", log, gate }]));
  await pool.close();
  await pool.join();
  console.log("end");
`;

test("arguments, results, passwords and keys are in no line of any log", async () => {
  const server = await RedisServer.start({ listen: "tcp", settings: { requirepass: SECRETS.password } });
  onTestFinished(() => server.stop());
  const queue = uniqueQueue();
  const keys = queueKeys(queue);
  const marks = new Marks();
  const { url } = server;
  const worker = startWorker(MODULE, { url, queue }, ["--log-level", "trace", "--concurrency", "4"], {
    POOLMQ_SIGNING_KEY: SECRETS.key,
  });
  await worker.line(/worker machine ready/);
  const args = [url, queue, marks.log, marks.gate, SECRETS.argument, SECRETS.key];
  await using producer = Program.source(PRODUCER, { args });
  await marks.started(1);

  // A forged job and outcome, and damage, each with something that must not be repeated.
  const forger = new Forger(server, queue);
  const data = { v: 1, map: "m", at: 0, n: 1, args: JSON.stringify([[SECRETS.argument]]) };
  await forger.enqueue("keepSecret", data, "m-0");
  await forger.gone("m-0");
  const [held = ""] = (await server.admin.keys(keys.done("*"))).map((key) => key.split(":").at(-2) ?? "");
  await forger.publish(held, 0, `=["${SECRETS.result}"]`);
  await server.admin.publish(keys.control, JSON.stringify({ t: "cancel", map: SECRETS.argument }));
  // Redis is full, then gone for a moment, while the outcome is there.
  await server.admin.config("SET", "maxmemory", "1");
  marks.open();
  await worker.line(/publish refused/);
  await server.restart();
  await producer.line(/^end$/m, 25_000);
  worker.kill("SIGTERM");
  await within(15_000, "the worker's end", worker.exited);

  const told = Object.fromEntries(
    [...producer.output.matchAll(/^([a-z]+) ([A-Za-z_]+)$/gm)].map(([, name, what]) => [name, what]),
  );
  expect(told).toEqual({
    returned: "resolved",
    thrown: "Error",
    timeout: "TASK_TIMEOUT",
    unsendable: "SERIALIZATION",
    large: "LIMIT_EXCEEDED",
    unknown: "TASK_NOT_REGISTERED",
    shared: "resolved",
    cancelled: "CANCELLED",
    login: "REDIS_CONNECTION",
    key: "SIGNING_KEY",
    held: "resolved",
  });
  for (const [name, secret] of Object.entries(SECRETS)) {
    expect(producer.output, `${name} in the producer's log`).not.toContain(secret);
    expect(worker.output, `${name} in the worker's log`).not.toContain(secret);
  }
}, 60_000);

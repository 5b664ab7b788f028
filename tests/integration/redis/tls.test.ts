/** What travels is encrypted, and only to the server that the certificate names: with real certificates. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Pool, type PoolOptions } from "@poolmq/producer";
import { runWorker } from "@poolmq/worker";
import { describe, expect, onTestFinished, test } from "vitest";

import { RedisServer, type RedisServerOptions } from "../../support/redis-server.ts";
import { rejection, TASKS } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** A certificate for one name, and the authority that signed it. */
function certify(folder: string, name: string) {
  const at = (file: string): string => join(folder, `${name}-${file}`);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-subj",
    `/CN=authority of ${name}`,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
  );
  const authority = ["-CA", at("ca.pem"), "-CAkey", at("ca.key")];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  openssl("req", "-x509", ...key, ...authority, ...subject, "-keyout", at("key.pem"), "-out", at("cert.pem"));
  return { cert: at("cert.pem"), key: at("key.pem"), caFile: at("ca.pem"), ca: readFileSync(at("ca.pem")) };
}

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start({ listen: "tcp", ...options });
  onTestFinished(() => server.stop());
  return server;
}

/** A server that speaks TLS and nothing else, with this certificate. */
async function startTls(name: string) {
  const server = await start();
  const made = certify(server.folder, name);
  const tls = { "tls-cert-file": made.cert, "tls-key-file": made.key, "tls-ca-cert-file": made.caFile };
  await server.restart({ port: 0, "tls-port": server.port, "tls-auth-clients": "no", ...tls });
  return { port: server.port, ...made };
}

async function refusal(
  connection: PoolOptions<object>["connection"],
  connectTimeoutMs = 5_000,
): Promise<unknown> {
  const pool = new Pool({ connection, connectTimeoutMs });
  onTestFinished(() => pool.terminate());
  return await rejection(pool.map("echo", ["secret"]));
}

describe.skipIf(!hasOpenssl)("with rediss://", () => {
  test("a pool and its workers work where the authority is known", async () => {
    const { port, ca } = await startTls("localhost");
    const connection = { host: "localhost", port, tls: { ca } };
    const queue = uniqueQueue();
    await using machine = await runWorker({ module: TASKS, connection, queue, processes: 1 });
    await using pool = new Pool({ connection, queue });
    expect(await pool.map("increment", [1, 2])).toEqual([2, 3]);
    expect(machine.pids).toHaveLength(1);
    await using local = new Pool({ connection, queue: uniqueQueue(), tasks: TASKS, processes: 1 });
    expect(await local.map("increment", [1])).toEqual([2]);
  });

  test("an authority that is not known is refused", async () => {
    const { port } = await startTls("localhost");
    expect(await refusal(`rediss://localhost:${port}`)).toMatchObject({
      code: "REDIS_CONNECTION",
      reason: "tls",
    });
  });

  test("a certificate of another authority is refused", async () => {
    const [server, other] = [await startTls("localhost"), await startTls("localhost")];
    const connection = { host: "localhost", port: server.port, tls: { ca: other.ca } };
    expect(await refusal(connection)).toMatchObject({ code: "REDIS_CONNECTION", reason: "tls" });
  });

  test("a certificate for another name is refused, whoever signed it", async () => {
    const { port, ca } = await startTls("redis.example");
    const connection = { host: "localhost", port, tls: { ca } };
    const error = await refusal(connection);
    expect(error).toMatchObject({ code: "REDIS_CONNECTION", reason: "tls" });
    expect(String(error)).toMatch(/redis\.example|altnames/i);
  });

  test("a server that speaks plaintext is refused, before anything is sent to it", async () => {
    const server = await start();
    expect(await refusal(`rediss://127.0.0.1:${server.port}`)).toMatchObject({
      code: "REDIS_CONNECTION",
      reason: "tls",
    });
    expect(await server.admin.dbsize()).toBe(0);
  });

  test("a server that speaks plaintext is told as such long before the time limit, and so is TLS to redis://", async () => {
    const [plain, secure] = [await start(), await startTls("localhost")];
    // Longer than this test may take.
    const [toPlain, toTls] = await Promise.all([
      refusal(`rediss://127.0.0.1:${plain.port}`, 300_000),
      refusal(`redis://127.0.0.1:${secure.port}`, 300_000),
    ]);
    expect(toPlain).toMatchObject({
      reason: "tls",
      message: expect.stringMatching(/it answers without TLS\. .* use redis:\/\//),
    });
    expect(toTls).toMatchObject({
      reason: "tls",
      message: expect.stringMatching(/it answers with TLS\. .* use rediss:\/\//),
    });
  });
});

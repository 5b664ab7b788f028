/** Cluster, Sentinel and TLS, on real servers. */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { ConnectionOption } from "@poolmq/shared";
import { resolveConnection } from "@poolmq/shared/internal";
import { checkServer, connect, destroyConnection } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { RedisServer, type RedisServerOptions } from "../../support/redis-server.ts";
import { TASKS, temporaryFolder } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { until } from "../../support/until.ts";
import { startPoolmq } from "../../support/worker-program.ts";

type ConnectOptions = Partial<Parameters<typeof connect>[1]>;

async function startServer(options: RedisServerOptions): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

async function open(option: ConnectionOption, options: ConnectOptions = {}): Promise<Redis | Cluster> {
  const resolved = resolveConnection(option, {});
  if (!resolved) throw new Error("No connection option");
  const connection = await connect(resolved, { role: "commands", connectTimeoutMs: 5_000, ...options });
  onTestFinished(() => destroyConnection(connection));
  return connection;
}

/** A Cluster of one node that holds all slots. */
async function startCluster(settings: Record<string, string> = {}): Promise<RedisServer> {
  const server = await startServer({
    listen: "tcp",
    settings: { "cluster-enabled": "yes", "cluster-announce-ip": "127.0.0.1", ...settings },
  });
  await server.admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  await until(async () => String(await server.admin.call("CLUSTER", "INFO")).includes("cluster_state:ok"), {
    what: "the Cluster to be up",
  });
  return server;
}

describe("Cluster", () => {
  test("connects with a password, checks each primary, and goes on after the node was restarted", async () => {
    const server = await startCluster({ requirepass: "secret", appendonly: "yes", appendfsync: "always" });
    const connection = await open({ cluster: [server.url] });
    expect(await checkServer(connection, "cluster")).toMatchObject({
      product: expect.stringMatching(/^(redis|valkey)$/),
    });
    expect(await connection.set("{tag}key", "1")).toBe("OK");
    await server.kill();
    const waiting = connection.get("{tag}key");
    await server.restart();
    expect(await waiting).toBe("1");
  });

  test("a wrong password fails at once", async () => {
    const server = await startCluster({ requirepass: "secret" });
    await expect(open({ cluster: [{ host: "127.0.0.1", port: server.port }] })).rejects.toMatchObject({
      reason: "auth",
    });
  });

  test("a node that may evict is refused", async () => {
    const server = await startCluster({ "maxmemory-policy": "volatile-ttl" });
    const connection = await open({ cluster: [server.url] });
    await expect(checkServer(connection, "cluster")).rejects.toMatchObject({ code: "REDIS_EVICTION" });
  });

  test("is told from a single server, both ways", async () => {
    const node = await startCluster();
    const connection = await open(node.url);
    await expect(checkServer(connection, node.url)).rejects.toMatchObject({
      reason: "cluster",
      message: expect.stringContaining("{ cluster: [nodes] }"),
    });
    const single = await startServer({ listen: "tcp" });
    await expect(open({ cluster: [single.url] })).rejects.toMatchObject({ reason: "cluster" });
  });

  test("nobody there: fails when its time is over", async () => {
    const server = await startServer({ listen: "tcp" });
    await server.kill();
    await expect(open({ cluster: [server.url] }, { connectTimeoutMs: 300 })).rejects.toMatchObject({
      reason: "unreachable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("a forgotten connection does not keep the process alive", async () => {
    const server = await startCluster();
    await using program = Program.source(
      `import { resolveConnection } from "@poolmq/shared/internal";
       import { connect, unrefConnection } from "@poolmq/shared/redis";
       const cluster = await connect(resolveConnection({ cluster: [process.argv[1]] }), { role: "commands" });
       await cluster.subscribe("channel");
       await cluster.set("a", "1");
       unrefConnection(cluster);
       console.log("end of the program");`,
      { args: [server.url] },
    );
    await program.line(/end of the program/);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });
});

describe("Sentinel", () => {
  async function startSentinel(): Promise<{ primary: RedisServer; sentinel: RedisServer }> {
    const primary = await startServer({ listen: "tcp" });
    const file = join(primary.folder, "sentinel.conf");
    writeFileSync(file, `sentinel monitor main 127.0.0.1 ${primary.port} 1\n`);
    const sentinel = await startServer({ listen: "tcp", sentinelFile: file });
    return { primary, sentinel };
  }

  test("finds the primary, and does not keep the process alive", async () => {
    const { primary, sentinel } = await startSentinel();
    const option = { sentinels: [{ host: "127.0.0.1", port: sentinel.port }], name: "main" };
    const connection = await open(option);
    expect(await connection.call("CONFIG", "GET", "port")).toContain(String(primary.port));
    await using program = Program.source(
      `import { resolveConnection } from "@poolmq/shared/internal";
       import { connect, unrefConnection } from "@poolmq/shared/redis";
       const redis = await connect(resolveConnection(JSON.parse(process.argv[1])), { role: "commands" });
       unrefConnection(redis);
       console.log("end of the program");`,
      { args: [JSON.stringify(option)] },
    );
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.output).toContain("end of the program");
  });

  test("says so if no Sentinel answers", async () => {
    const { sentinel } = await startSentinel();
    await sentinel.kill();
    const option = { sentinels: [{ host: "127.0.0.1", port: sentinel.port }], name: "main" };
    await expect(open(option, { connectTimeoutMs: 300 })).rejects.toMatchObject({
      reason: "unreachable",
      message: expect.stringMatching(
        /main \(Sentinel 127\.0\.0\.1:\d+\) within 300 ms: All sentinels are unreachable/,
      ),
    });
  });
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe.skipIf(!hasOpenssl)("TLS", () => {
  async function startTls(
    settings: Record<string, string> = {},
  ): Promise<{ server: RedisServer; port: number; ca: Buffer; cert: string }> {
    const server = await startServer({ listen: "tcp" });
    const cert = join(server.folder, "cert.pem");
    const key = join(server.folder, "key.pem");
    const made = spawnSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
      ].concat(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert]),
    );
    expect(made.status).toBe(0);
    const tls = {
      "tls-cert-file": cert,
      "tls-key-file": key,
      "tls-ca-cert-file": cert,
      "tls-auth-clients": "no",
    };
    await server.restart({ port: 0, "tls-port": server.port, ...tls, ...settings });
    return { server, port: server.port, ca: readFileSync(cert), cert };
  }

  test("connects if the certificate is accepted, refuses it at once if not", async () => {
    const { port, ca } = await startTls();
    expect(await (await open({ host: "localhost", port, tls: { ca } })).ping()).toBe("PONG");
    await expect(open(`rediss://localhost:${port}`)).rejects.toMatchObject({
      reason: "tls",
      message: expect.stringMatching(/self-signed certificate.*tls: \{ ca \}/s),
    });
  });

  test("a managed Redis is one URL: TLS, a user and a password, for producers, fleets and local workers", async () => {
    const folder = temporaryFolder();
    const aclfile = join(folder, "users.acl");
    const password = "p@ss/w:rd";
    writeFileSync(aclfile, `user default off\nuser app on >${password} ~* &* +@all\n`);
    const { port, cert } = await startTls({ aclfile });
    const url = `rediss://app:${encodeURIComponent(password)}@localhost:${port}`;
    const queue = uniqueQueue();
    // The authority of the certificate, where the system does not know it: Node's own setting.
    const env = { NODE_EXTRA_CA_CERTS: cert, REDIS_URL: url };
    const worker = startPoolmq(["worker", fileURLToPath(TASKS), "-q", queue, "-p", "1"], env);
    await worker.line(/worker machine ready/);
    for (const options of [{ queue }, { tasks: fileURLToPath(TASKS), processes: 1 }]) {
      await using program = Program.source(
        `import { Pool } from "@poolmq/producer";
         await using pool = new Pool(JSON.parse(process.argv[1]));
         console.log(await pool.map("increment", [1, 2, 3]));`,
        { args: [JSON.stringify(options)], env },
      );
      await program.line(/\[ 2, 3, 4 \]/);
      expect(await program.exited).toEqual({ code: 0, signal: null });
    }
  });

  test("tells that a server wants TLS", async () => {
    const { port } = await startTls();
    await expect(open(`redis://localhost:${port}`, { connectTimeoutMs: 500 })).rejects.toMatchObject({
      reason: "tls",
      message: expect.stringContaining("use rediss://"),
    });
  });

  test("a forgotten connection does not keep the process alive", async () => {
    const { port, server } = await startTls();
    await using program = Program.source(
      `import { readFileSync } from "node:fs";
       import { resolveConnection } from "@poolmq/shared/internal";
       import { connect, unrefConnection } from "@poolmq/shared/redis";
       const [, port, file] = process.argv;
       const tls = { ca: readFileSync(file) };
       unrefConnection(await connect(resolveConnection({ host: "localhost", port: Number(port), tls }), { role: "commands" }));
       console.log("end of the program");`,
      { args: [String(port), join(server.folder, "cert.pem")] },
    );
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.output).toContain("end of the program");
  });
});

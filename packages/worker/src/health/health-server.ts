/**
 * Reports over HTTP how a worker machine is doing:
 *
 * - `/livez`: 200 whenever it answers at all, because that takes a turn of the supervisor's event loop.
 * - `/readyz`: 200 if it can take work, else 503; a JSON object says why.
 * - `/metrics`: for Prometheus.
 */

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";

import { HealthPortError } from "./health-port-error.ts";
import { closeServer, listen, urlOf } from "./http-listener.ts";

export interface HealthPages {
  readiness(): Promise<{ readonly status: "ready" | "not ready"; readonly reason?: string }>;
  metrics?(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Another page, in JSON: its path, and the function that reads its content. */
  readonly json?: { readonly path: string; read(): Promise<object> };
}

/** Most connections at a time. Probes and scrapers are few; a mistaken client must not use up file descriptors. */
const MAX_CONNECTIONS = 64;

const JSON_TYPE = "application/json; charset=utf-8";

export class HealthServer {
  readonly #server: Server;
  readonly #pages: HealthPages;

  /**
   * Listens on a port; 0 takes a free one.
   *
   * @throws HealthPortError
   */
  static async listen(
    address: { readonly host: string; readonly port: number },
    pages: HealthPages,
  ): Promise<HealthServer> {
    const health = new HealthServer(pages);
    await listen(health.#server, address).catch((cause: unknown) => {
      throw new HealthPortError({ ...address, cause });
    });
    // The server must not keep the machine's process alive.
    health.#server.unref();
    return health;
  }

  private constructor(pages: HealthPages) {
    this.#pages = pages;
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500, { "content-type": "text/plain" }).end(`${String(error)}\n`);
      });
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Where it listens: `http://127.0.0.1:9090`. */
  get url(): string {
    return urlOf(this.#server);
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return send(response, 405, "text/plain", "GET or HEAD\n");
    }
    const [path] = (request.url ?? "").split("?");
    switch (path) {
      case "/livez":
        return send(response, 200, JSON_TYPE, `${JSON.stringify({ status: "live" })}\n`);
      case "/readyz": {
        const report = await this.#pages.readiness();
        const code = report.status === "ready" ? 200 : 503;
        return send(response, code, JSON_TYPE, `${JSON.stringify(report)}\n`);
      }
      case "/metrics": {
        if (this.#pages.metrics === undefined) return send(response, 404, "text/plain", "/livez, /readyz\n");
        const { contentType, text } = await this.#pages.metrics();
        return send(response, 200, contentType, text);
      }
      case this.#pages.json?.path:
        return send(response, 200, JSON_TYPE, `${JSON.stringify(await this.#pages.json?.read())}\n`);
      default:
        return send(response, 404, "text/plain", "/livez, /readyz, /metrics\n");
    }
  }
}

function send(response: ServerResponse, code: number, contentType: string, text: string): void {
  response.writeHead(code, { "content-type": contentType, "cache-control": "no-store" }).end(text);
}

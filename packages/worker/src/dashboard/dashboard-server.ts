/**
 * The dashboard over HTTP. What each path answers, and who may ask for it:
 *
 * | path               | who                | what                                              |
 * | ------------------ | ------------------ | ------------------------------------------------- |
 * | `/page/…`          | anyone             | the page's files, which hold no data              |
 * | `/login`           | anyone (POST)      | a cookie for the token                            |
 * | `/`                | who is logged in   | the page                                          |
 * | `/events?queue=`   | who is logged in   | server-sent events: how the queue is, every second |
 * | `/times?map=`      | the same           | how long the items of a map ran, as a histogram   |
 * | `/spans?worker=`   | the same           | what the processes of a machine ran of late       |
 * | `/item?map=&index=` | the same          | one item                                          |
 * | `/lines?map=&index=&worker=` | the same | the last lines of the machines' logs              |
 * | `/report?map=`     | the same           | a map as one HTML file                            |
 * | `/stack?worker=&pid=` | the same (POST) | where in its code a process is                    |
 * | `/cancel?map=`, `/retry?map=` | the same (POST), with `--write` | ends a map, runs its failed items again |
 * | `/drain?worker=`, `/resize?worker=&processes=` | the same (POST), with `--write` | changes a machine |
 * | `/jobs/…`          | who is logged in   | bull-board, if it is installed                    |
 */

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

import { DashboardPortError } from "../health/health-port-error.ts";
import { closeServer, listen, urlOf } from "../health/http-listener.ts";
import type { Access, Refusal } from "./access.ts";
import { streamEvents } from "./event-stream.ts";
import { JOB_PAGES_PATH } from "./job-pages.ts";
import type { JobPages } from "./job-pages.ts";
import { loginPage } from "./login-page.ts";
import type { PageFile } from "./page-files.ts";
import { answerQuestion } from "./answer-question.ts";
import type { QueueFeed } from "../feed/queue-feed.ts";
import type { QueueLook } from "./queue-look.ts";

/** A queue that the dashboard shows. */
export interface DashboardQueue {
  readonly name: string;
  readonly feed: QueueFeed;
  readonly look: QueueLook;
  /** Absent where nothing may be changed. */
  readonly actions?: PageActions;
}

const ACTIONS = ["cancel", "retry", "drain", "resize"] as const;

/** What can be done to a map or a machine, by the path of the request. */
export type PageActions = Readonly<
  Record<(typeof ACTIONS)[number], (asked: URLSearchParams) => Promise<ActionResult>>
>;

/** The HTTP status. With any other than 200, nothing was done. */
export interface ActionResult {
  readonly code: 200 | 404 | 409;
  /** What was done, or why not. */
  readonly text: string;
}

export interface DashboardOptions {
  readonly host: string;
  /** Port; 0 takes a free one. */
  readonly port: number;
  readonly access: Access;
  readonly queues: readonly DashboardQueue[];
  readonly files: ReadonlyMap<string, PageFile>;
  readonly jobPages: JobPages | { readonly missing: string };
  /** Whether arguments and results of items are shown. */
  readonly showsValues: boolean;
}

/** Most connections at a time. A browser holds one for events, and a few more for moments. */
const MAX_CONNECTIONS = 256;

/** Largest body of a request that logs in. */
const MAX_BODY_BYTES = 4_096;

const OWN_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  // The browser must not turn any text into markup, whoever wrote it.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** bull-board has styles in its markup, and a base. */
const JOB_PAGES_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join("; ");

export class DashboardServer {
  readonly #server: Server;
  readonly #options: DashboardOptions;

  /** @throws DashboardPortError */
  static async listen(options: DashboardOptions): Promise<DashboardServer> {
    const dashboard = new DashboardServer(options);
    const { host, port } = options;
    await listen(dashboard.#server, options).catch((cause: unknown) => {
      throw new DashboardPortError({ host, port, cause });
    });
    return dashboard;
  }

  private constructor(options: DashboardOptions) {
    this.#options = options;
    this.#server = createServer({ headersTimeout: 5_000 }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else send(response, 500, "text/plain", `${error instanceof Error ? error.message : String(error)}\n`);
      });
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Where it listens: `http://127.0.0.1:4040`. */
  get url(): string {
    return urlOf(this.#server);
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access, files, jobPages } = this.#options;
    response.setHeader("content-security-policy", OWN_POLICY);
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("referrer-policy", "same-origin");
    response.setHeader("cross-origin-resource-policy", "same-origin");
    const url = URL.parse(request.url ?? "", "http://localhost");
    if (url === null) return send(response, 400, "text/plain", "not a path\n");

    const foreign = access.refuseForeign(request);
    if (foreign !== undefined) return refuse(response, foreign);
    const { pathname } = url;
    if (pathname.startsWith("/page/")) return sendFile(response, files.get(pathname.slice("/page/".length)));
    if (pathname === "/login") return this.#login(request, response);

    const stranger = access.refuseStranger(request);
    if (stranger !== undefined) {
      if (pathname === "/") return send(response, stranger.code, "text/html", loginPage(false));
      return refuse(response, stranger);
    }
    if (pathname === JOB_PAGES_PATH || pathname.startsWith(`${JOB_PAGES_PATH}/`)) {
      if (typeof jobPages !== "function") {
        return send(
          response,
          404,
          "text/plain",
          `Pages of single jobs need bull-board: ${jobPages.missing}\n`,
        );
      }
      response.setHeader("content-security-policy", JOB_PAGES_POLICY);
      return jobPages(request, response);
    }
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (pathname === "/" && isRead) return sendFile(response, files.get("index.html"));
    if (pathname === "/events" && isRead) return this.#events(url, request, response);
    const action = ACTIONS.find((name) => pathname === `/${name}`);
    if (request.method === "POST" && action !== undefined) return this.#act(action, url, response);
    const queue = this.#queue(url);
    const answered =
      queue === undefined
        ? undefined
        : await answerQuestion(queue, pathname, url.searchParams, request.method ?? "");
    if (answered === undefined) return send(response, 404, "text/plain", "not found\n");
    if (answered.file !== undefined) {
      response.setHeader("content-disposition", `attachment; filename="${answered.file}"`);
    }
    send(response, 200, answered.type, answered.content);
  }

  async #login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access } = this.#options;
    if (!access.needsLogin || request.method !== "POST") return redirect(response, "/");
    if (!(Number(request.headers["content-length"]) <= MAX_BODY_BYTES)) {
      return send(response, 413, "text/plain", "too large\n");
    }
    const token = new URLSearchParams(await text(request)).get("token") ?? "";
    if (!access.isToken(token)) return send(response, 401, "text/html", loginPage(true));
    response.setHeader("set-cookie", access.cookie);
    redirect(response, "/");
  }

  #events(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const { queues, jobPages, showsValues } = this.#options;
    const queue = this.#queue(url);
    if (queue === undefined) return send(response, 404, "text/plain", "no such queue\n");
    streamEvents(request, response, queue.feed, {
      queues: queues.map(({ name }) => name),
      writable: queue.actions !== undefined,
      showsValues,
      jobPages: typeof jobPages === "function" ? { path: JOB_PAGES_PATH } : jobPages,
    });
  }

  async #act(action: keyof PageActions, url: URL, response: ServerResponse): Promise<void> {
    const queue = this.#queue(url);
    if (queue === undefined) return send(response, 404, "text/plain", "no such queue\n");
    if (queue.actions === undefined) {
      const reason = `this dashboard only shows. Start it with --write to ${action} ${action === "cancel" || action === "retry" ? "maps" : "machines"} from it`;
      return refuse(response, { code: 403, reason });
    }
    const { code, text: came } = await queue.actions[action](url.searchParams);
    send(response, code, "text/plain", `${came}\n`);
  }

  /** The queue that is asked for, or the only one. */
  #queue(url: URL): DashboardQueue | undefined {
    const { queues } = this.#options;
    const name = url.searchParams.get("queue") ?? queues[0]?.name;
    return queues.find((queue) => queue.name === name);
  }
}

function refuse(response: ServerResponse, { code, reason }: Refusal): void {
  if (code === 401) response.setHeader("www-authenticate", "Bearer");
  send(response, code, "text/plain", `${reason}\n`);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, "cache-control": "no-store" }).end();
}

function sendFile(response: ServerResponse, file: PageFile | undefined): void {
  if (file === undefined) return send(response, 404, "text/plain", "not found\n");
  response.writeHead(200, { "content-type": file.type, "cache-control": "no-cache" }).end(file.content);
}

function send(response: ServerResponse, code: number, type: string, content: string): void {
  response
    .writeHead(code, { "content-type": `${type}; charset=utf-8`, "cache-control": "no-store" })
    .end(content);
}

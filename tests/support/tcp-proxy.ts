/**
 * A bad network between a client and Redis:
 *
 *   client ──▶ frames ──▶ rules ──▶ shaper ──▶ Redis
 *   client ◀── shaper ◀── rules ◀── frames ◀── Redis
 *
 * Rules meddle with single commands and their replies; the shaper adds delay, jitter and a limited bandwidth, and keeps
 * the order of bytes. Faults apply to the connections that are open and to later ones.
 */

import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";

import { BOTH, Link } from "./proxy-link.ts";
import type { Direction, Meddling, ProxyState, ProxyTarget, Rule, Shape } from "./proxy-link.ts";
import { seededRandom } from "./random.ts";

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #state: ProxyState;

  private constructor(server: Server, state: ProxyState) {
    this.#server = server;
    this.#state = state;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => {
      if (state.refusing) {
        client.resetAndDestroy();
        return;
      }
      const link = new Link(client, state);
      this.#links.add(link);
      client.once("close", () => this.#links.delete(link));
    });
  }

  static async start(target: ProxyTarget, seed = 1): Promise<TcpProxy> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, {
      target,
      random: seededRandom(seed),
      rules: [],
      shape: {},
      refusing: false,
      dropping: false,
      holding: new Set(),
    });
  }

  /** Address of the proxy, for a server without a password. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Number of connections that are open. */
  get connections(): number {
    return this.#links.size;
  }

  /** Sets delay, jitter and bandwidth of both directions; `{}` takes them away. */
  shape(shape: Shape): void {
    this.#state.shape = shape;
  }

  /** Resets all open connections. */
  cut(): void {
    for (const link of this.#links) link.cut();
  }

  /** Sends new connections to another server, as a host name does after a failover. */
  retarget(target: ProxyTarget): void {
    this.#state.target = target;
  }

  /** Sets whether new connections are reset. */
  refuse(refusing: boolean): void {
    this.#state.refusing = refusing;
  }

  /**
   * Makes connections half-open: bytes vanish in both directions, and neither side is told. Ends with `restore()`, but
   * connections of that time never work again, as after a router's restart.
   */
  drop(): void {
    this.#state.dropping = true;
    this.dropOpen();
  }

  /** As `drop`, but only for a random part of the open connections, and only in some directions. */
  dropOpen(directions: readonly Direction[] = BOTH, part = 1): void {
    for (const link of this.#links) {
      if (this.#state.random() < part) for (const direction of directions) link.dead.add(direction);
    }
  }

  restore(): void {
    this.#state.dropping = false;
  }

  /** Holds all replies back until the returned function is called. */
  holdReplies(): () => void {
    return this.hold("to the client");
  }

  /** Holds all bytes of this direction back until the returned function is called. */
  hold(direction: Direction): () => void {
    this.#state.holding.add(direction);
    return () => {
      this.#state.holding.delete(direction);
      for (const link of this.#links) link.release();
    };
  }

  /**
   * Meddles with the next `times` commands that match. The promise resolves when the last of them was hit.
   */
  async meddle(matches: Rule["matches"], meddling: Meddling, times = 1): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#state.rules.push({ matches, meddling, left: times, onHit: resolve });
    return promise;
  }

  /** Waits for a command that matches; false if none came in time. */
  async seen(matches: Rule["matches"], timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const rule: Rule = { matches, meddling: undefined, left: 1, onHit: () => resolve(true) };
    this.#state.rules.push(rule);
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const wasSeen = await promise;
    clearTimeout(timer);
    this.#state.rules = this.#state.rules.filter((other) => other !== rule);
    return wasSeen;
  }

  async stop(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

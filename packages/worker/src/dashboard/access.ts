/**
 * Who may see the dashboard, and who may change something with it.
 *
 * - Without a token, it is for whoever sits at this machine: only requests that name it by a loopback address are
 *   answered. A page of another site can make a browser call `http://its.own.name/`, and have that name lead here (DNS
 *   rebinding); the name in the `Host` header tells.
 * - With a token, a request carries it (`Authorization: Bearer`), or the cookie that the login page gave for it.
 * - What changes something must come from a page of this very server: other sites' pages can send requests that carry
 *   the cookie, or need none.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIPv4, isIPv6 } from "node:net";

const COOKIE = "poolmq-dashboard";

/** What becomes of a request: `undefined` if it may go on. */
export interface Refusal {
  readonly code: 401 | 403;
  readonly reason: string;
}

export class Access {
  readonly #token: string | undefined;
  /** Of this process: a restart ends all sessions. */
  readonly #key = randomBytes(32);
  /** What the cookie of a logged-in browser holds. Not the token, which is good elsewhere, and for longer. */
  readonly #session: string;

  constructor(token: string | undefined) {
    this.#token = token;
    this.#session = this.#digest(`session of ${token ?? ""}`).toString("base64url");
  }

  /** Whether there is anything to log in with. */
  get needsLogin(): boolean {
    return this.#token !== undefined;
  }

  /** Refuses a request that was led here by another site, or that wants to change something from there. */
  refuseForeign(request: IncomingMessage): Refusal | undefined {
    if (this.#token === undefined && !isLoopback(request.headers.host)) {
      return {
        code: 403,
        reason:
          "without a token, the dashboard answers only to localhost. Start it with POOLMQ_DASHBOARD_TOKEN to reach it by another name",
      };
    }
    if (request.method === "GET" || request.method === "HEAD" || isSameOrigin(request)) return undefined;
    return { code: 403, reason: "the request comes from another site's page" };
  }

  /** Refuses a request of somebody who is not logged in. */
  refuseStranger({ headers }: IncomingMessage): Refusal | undefined {
    if (this.#token === undefined) return undefined;
    const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? "")?.[1];
    if (bearer !== undefined && this.isToken(bearer)) return undefined;
    const session = cookieOf(headers.cookie);
    if (session !== undefined && this.#same(session, this.#session)) return undefined;
    return { code: 401, reason: "log in, or send the header `Authorization: Bearer <token>`" };
  }

  /** Whether this is the token. Takes the same time whatever is wrong with it. */
  isToken(text: string): boolean {
    return this.#token !== undefined && this.#same(text, this.#token);
  }

  /** The `Set-Cookie` header of a browser that has logged in. */
  get cookie(): string {
    return `${COOKIE}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`;
  }

  /** Compares digests, which are of one length. */
  #same(one: string, other: string): boolean {
    return timingSafeEqual(this.#digest(one), this.#digest(other));
  }

  #digest(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}

/** Whether an address, or the name in a `Host` header, leads to this machine and no other. */
export function isLoopback(host = ""): boolean {
  const bare = isIPv6(host) ? host : host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const name = bare.toLowerCase();
  return name === "localhost" || name === "::1" || (isIPv4(name) && name.startsWith("127."));
}

function isSameOrigin({ headers }: IncomingMessage): boolean {
  // Browsers send the first to secure addresses only, but the second with everything that is not a plain read.
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  if (headers.origin !== undefined) return URL.parse(headers.origin)?.host === headers.host;
  // No browser: a program that sends its own headers, and no cookie that it does not know of.
  return headers.cookie === undefined;
}

function cookieOf(header: string | undefined): string | undefined {
  return (header ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1);
}

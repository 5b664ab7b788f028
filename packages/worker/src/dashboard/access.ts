/**
 * Who may see the dashboard, and who may change something with it.
 *
 * - Without a token, it is for users of this machine: only requests whose `Host` header is a loopback address are
 *   answered. A page of another site can let its own host name resolve to this machine (DNS rebinding), but then the
 *   `Host` header has that name.
 * - With a token, a request carries it (`Authorization: Bearer`), or the cookie that the login page gave for it.
 * - What changes something must come from a page of this very server: other sites' pages can send requests that carry
 *   the cookie, or need none.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIPv4, isIPv6 } from "node:net";

const COOKIE = "poolmq-dashboard";

/** Why a request is refused. */
export interface Refusal {
  readonly code: 401 | 403;
  readonly reason: string;
}

export class Access {
  readonly #token: string | undefined;
  /** Made anew by each process, so that a restart ends all sessions. */
  readonly #key = randomBytes(32);
  /** The value of a logged-in browser's cookie. It is not the token, which is valid elsewhere and for longer. */
  readonly #session: string;

  constructor(token: string | undefined) {
    this.#token = token;
    this.#session = this.#digest(`session of ${token ?? ""}`).toString("base64url");
  }

  /** Whether a token is set, so that one must log in. */
  get needsLogin(): boolean {
    return this.#token !== undefined;
  }

  /** Refuses a request that another site's page caused, by DNS rebinding or in order to change something. */
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

  /** Refuses a request without a valid token or cookie. */
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

/** Whether an address, or the name in a `Host` header, is one of the loopback interface. */
export function isLoopback(host = ""): boolean {
  const bare = isIPv6(host) ? host : host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const name = bare.toLowerCase();
  return name === "localhost" || name === "::1" || (isIPv4(name) && name.startsWith("127."));
}

function isSameOrigin({ headers }: IncomingMessage): boolean {
  // Browsers send `sec-fetch-site` only to secure addresses, but `origin` with every request that is not a plain read.
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  if (headers.origin !== undefined) return URL.parse(headers.origin)?.host === headers.host;
  // With neither header it is not a browser, but a program. One without a cookie can't be misused by another site.
  return headers.cookie === undefined;
}

function cookieOf(header: string | undefined): string | undefined {
  return (header ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1);
}

import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";

import type { Cluster, Redis } from "ioredis";

import { adviceFor, classifyFailure } from "./connection-failure.ts";
import type { ConnectionFailure } from "./connection-failure.ts";
import type { ResolvedConnection } from "./connection-options.ts";
import { RedisConnectionError } from "../../errors/redis-errors.ts";
import { speaksOtherwise } from "./speaks-otherwise.ts";

/**
 * Time limit of one attempt. It is short because a host that does not answer may have another address at the next
 * attempt.
 */
export const ATTEMPT_TIMEOUT_MS = 5_000;

/** At least this many attempts fit into the time limit, so that one dead link does not use it all up. */
const ATTEMPTS = 3;

/** A TLS handshake that takes longer than this may never end, because the server speaks plain text. In ms. */
const LONG_HANDSHAKE_MS = 500;

/**
 * Waits until a new connection is ready.
 *
 * @throws RedisConnectionError after `waitMs`, which says what stood in the way; at once if waiting can't help
 */
export function untilReady(
  connection: Redis | Cluster,
  resolved: ResolvedConnection,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { address } = resolved;
  return new Promise((resolve, reject) => {
    let last: ConnectionFailure | undefined;
    let cause: Error | undefined;
    let hasAsked = false;

    const settle = (failure?: ConnectionFailure, waitedMs?: number) => {
      clearTimeout(timer);
      clearInterval(attempts);
      clearTimeout(handshake);
      connection.off("ready", onReady);
      connection.off("error", onError);
      connection.off("node error", onError);
      connection.off("close", onClose);
      connection.off("end", onEnd);
      signal?.removeEventListener("abort", onAbort);
      if (failure === undefined) return resolve();
      const advice = adviceFor(failure, address);
      const facts = { reason: failure.reason, address, detail: failure.detail, advice };
      reject(
        new RedisConnectionError(waitedMs === undefined ? facts : { ...facts, waitedMs }, cause && { cause }),
      );
    };

    const onReady = () => settle();
    const onError = (error: Error) => {
      const failure = classifyFailure(error);
      // This error follows the one that says why, which is to be kept.
      if (last && failure.detail === "Connection is closed") return;
      cause = error;
      last = failure;
      if (failure.final) settle(failure);
      else if (/ECONNRESET|EPIPE/.test(failure.detail)) ask();
    };
    const onClose = () => {
      if (last === undefined) ask();
      last ??= { reason: "unreachable", final: false, detail: "it closes the connection without an answer" };
    };
    /** Asks once whether TLS is what stands in the way. */
    const ask = () => {
      if (hasAsked || connection.isCluster) return;
      hasAsked = true;
      void speaksOtherwise(connection as Redis).then((isSo) => {
        if (isSo) settle((connection as Redis).options.tls ? NO_TLS : ONLY_TLS);
      });
    };
    const onEnd = () =>
      settle(last ?? { reason: "unreachable", final: true, detail: "the connection was closed" });
    const onAbort = () => settle({ reason: "aborted", final: true, detail: "connecting was aborted" });
    const onTimeout = () => settle(failureAtTimeout(connection, last), waitMs);

    /** The TCP connection is open, but the server answers nothing: try a new one. */
    const onSilence = () => {
      if (connection.status !== "connect" || connection.isCluster) return;
      last = NOT_READY;
      (connection as Redis).disconnect(true);
    };

    const timer = setTimeout(onTimeout, waitMs);
    const attempts = setInterval(onSilence, Math.min(waitMs / ATTEMPTS, ATTEMPT_TIMEOUT_MS));
    const handshake = setTimeout(() => {
      if (isInHandshake(connection)) ask();
    }, LONG_HANDSHAKE_MS);
    connection.once("ready", onReady);
    connection.on("error", onError);
    connection.on("node error", onError);
    connection.on("close", onClose);
    connection.once("end", onEnd);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

const NOT_READY: ConnectionFailure = {
  reason: "not-ready",
  final: true,
  detail: "it accepts connections, but does not become ready",
};

const NO_TLS: ConnectionFailure = { reason: "tls", final: true, detail: "it answers without TLS" };

const ONLY_TLS: ConnectionFailure = { reason: "tls", final: true, detail: "it answers with TLS" };

/** The TCP connection is open, and TLS is not yet. */
function isInHandshake(connection: Redis | Cluster): boolean {
  const { stream } = connection as { readonly stream?: { readonly connecting: boolean } };
  return connection.status === "connecting" && stream?.connecting === false;
}

function failureAtTimeout(
  connection: Redis | Cluster,
  last: ConnectionFailure | undefined,
): ConnectionFailure {
  const { status } = connection;
  if (status === "connect" || status === "ready") {
    return last?.reason === "not-ready" ? last : NOT_READY;
  }
  if (isInHandshake(connection)) {
    // Redis waits for more when it gets the start of a TLS handshake as a command.
    return {
      reason: "tls",
      final: true,
      detail: "it accepts connections, but does not answer the TLS handshake",
    };
  }
  return last ?? { reason: "unreachable", final: true, detail: "nothing answered" };
}

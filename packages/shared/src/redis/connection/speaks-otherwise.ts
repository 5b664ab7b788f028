/**
 * Finds out whether a server speaks TLS where plain text was expected, or the other way round. Neither side says so by
 * itself: a Redis takes the start of a TLS handshake for a command that is not complete yet, and waits for the rest; and a
 * TLS server closes a connection on which plain text comes.
 */

import { connect as connectPlain } from "node:net";
import type { Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { connect as connectTls } from "node:tls";

import type { Redis } from "ioredis";

/** How long the server may take to answer, in ms. */
const ANSWER_MS = 2_000;

/** Asks on a connection of its own, in the other way. Gives `false` if that is not known, or does not apply. */
export async function speaksOtherwise({ options }: Redis): Promise<boolean> {
  const { host, port, path, tls, sentinels } = options;
  if (path !== undefined || sentinels || port === undefined) return false;
  const to = { host: host ?? "localhost", port };
  if (tls) {
    const socket = connectPlain(to, () => socket.write("PING\r\n"));
    // A reply to PING, or an error because this login may not even do that.
    return await answers(socket, "data", (data) => /^[+-]/.test(String(data)));
  }
  // Only whether there is a handshake matters: nothing is sent, so that the certificate does not.
  const socket = connectTls({ ...to, rejectUnauthorized: false });
  return await answers(socket, "secureConnect", () => true);
}

async function answers(socket: Socket, event: string, isIt: (data: unknown) => boolean): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ANSWER_MS).unref();
  socket.unref();
  socket.once(event, (data: unknown) => resolve(isIt(data)));
  socket.on("error", () => resolve(false));
  socket.on("close", () => resolve(false));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

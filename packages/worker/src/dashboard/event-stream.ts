/** A page's connection for server-sent events. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, createGzip } from "node:zlib";

import type { FeedReader, QueueFeed } from "../feed/queue-feed.ts";
import type { StartMessage } from "../feed/messages.ts";

/**
 * A page that is this many bytes behind can't keep up. It is cut off, connects again, and starts with the state of that
 * moment.
 */
const MAX_BEHIND_BYTES = 8 * 1024 * 1024;

/** Sends events to the page until it disconnects. */
export function streamEvents(
  request: IncomingMessage,
  response: ServerResponse,
  feed: QueueFeed,
  about: Pick<StartMessage, "queues" | "writable" | "showsValues" | "jobPages">,
): void {
  // Compressed as one stream: ticks are much alike, so that only a fifteenth of their size is left.
  const gzip = takesGzip(request) ? createGzip({ flush: constants.Z_SYNC_FLUSH }) : undefined;
  const out = gzip ?? response;
  gzip?.on("error", () => response.destroy()).pipe(response);
  response.writeHead(200, {
    ...(gzip === undefined ? {} : { "content-encoding": "gzip" }),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // Tells proxies not to hold events back.
    "x-accel-buffering": "no",
  });
  // How long the page waits before it connects again, in ms.
  out.write("retry: 1000\n\n");
  const send = (event: string, message: object): void => {
    // JSON has no raw newline, which would end the event.
    out.write(`event: ${event}\ndata: ${JSON.stringify(message)}\n\n`);
    if (response.writableLength + (gzip?.writableLength ?? 0) > MAX_BEHIND_BYTES) response.destroy();
  };
  const reader: FeedReader = {
    onStart: (message) => send("start", { ...about, ...message } satisfies StartMessage),
    onTick: (message) => send("tick", message),
    onTrouble: (message) => send("trouble", message),
  };
  const leave = feed.subscribe(reader);
  response.once("close", () => {
    leave();
    gzip?.destroy();
  });
}

function takesGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b/.test(String(headers["accept-encoding"] ?? ""));
}

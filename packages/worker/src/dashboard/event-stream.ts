/** A page's connection for server-sent events. */

import type { ServerResponse } from "node:http";

import type { FeedReader, QueueFeed } from "./queue-feed.ts";
import type { StartMessage } from "./messages.ts";

/** A page that is so far behind can't keep up: it is cut off, comes again, and starts with how it is then. */
const MAX_BEHIND_BYTES = 8 * 1024 * 1024;

/** Feeds the page until it goes. */
export function streamEvents(
  response: ServerResponse,
  feed: QueueFeed,
  about: Pick<StartMessage, "queues" | "writable" | "jobPages">,
): void {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // Proxies that would collect events for a while.
    "x-accel-buffering": "no",
  });
  // How long the page waits before it comes again, in ms.
  response.write("retry: 1000\n\n");
  const send = (event: string, message: object): void => {
    // JSON has no raw newline, which would end the event.
    response.write(`event: ${event}\ndata: ${JSON.stringify(message)}\n\n`);
    if (response.writableLength > MAX_BEHIND_BYTES) response.destroy();
  };
  const reader: FeedReader = {
    onStart: (message) => send("start", { ...about, ...message } satisfies StartMessage),
    onTick: (message) => send("tick", message),
    onTrouble: (message) => send("trouble", message),
  };
  response.once("close", feed.subscribe(reader));
}

/** Answers what a page requests in addition to the events of its queue. */

import { mapReport } from "./map-report.ts";
import type { QueueFeed } from "../feed/queue-feed.ts";
import type { QueueLook } from "./queue-look.ts";

export interface PageAnswer {
  readonly type: string;
  readonly content: string;
  /** The file name under which a browser is to save it; absent if it is to be shown. */
  readonly file?: string;
}

/** Gives `undefined` for an unknown path, or for something that does not exist. */
export async function answerQuestion(
  { name, feed, look }: { readonly name: string; readonly feed: QueueFeed; readonly look: QueueLook },
  path: string,
  asked: URLSearchParams,
  method: string,
): Promise<PageAnswer | undefined> {
  const mapId = idOf(asked.get("map"));
  const index = numberOf(asked.get("index"));
  const worker = asked.get("worker") ?? undefined;
  // Only by POST, because it stops a process for a moment, which a mere link must not do.
  if (path === "/stack") {
    const pid = numberOf(asked.get("pid"));
    if (method !== "POST" || worker === undefined || pid === undefined) return undefined;
    return json(await look.stack(worker, pid));
  }
  if (method !== "GET" && method !== "HEAD") return undefined;
  switch (path) {
    case "/times": {
      const seen = mapId === undefined ? undefined : feed.map(mapId);
      return seen === undefined ? undefined : json(seen.map.runTimes.histogram);
    }
    case "/spans":
      return worker === undefined ? undefined : json(feed.spansOf(worker));
    case "/item":
      return mapId === undefined || index === undefined ? undefined : json(await look.item(mapId, index));
    case "/lines": {
      const wanted = {
        ...(mapId === undefined ? {} : { mapId }),
        ...(index === undefined ? {} : { index }),
        ...(worker === undefined ? {} : { worker }),
      };
      return json(await look.lines(wanted));
    }
    case "/report": {
      const seen = mapId === undefined ? undefined : feed.map(mapId);
      if (seen === undefined) return undefined;
      return { type: "text/html", content: mapReport(name, seen), file: `poolmq-${seen.map.id}.html` };
    }
    default:
      return undefined;
  }
}

function json(value: unknown): PageAnswer {
  return { type: "application/json", content: JSON.stringify(value) };
}

/** Checks an id, because it becomes part of keys. */
function idOf(text: string | null): string | undefined {
  return text !== null && /^[\w-]{1,100}$/.test(text) ? text : undefined;
}

function numberOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

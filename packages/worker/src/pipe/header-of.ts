import type { FromChild } from "./pipe-messages.ts";

const { stringify } = JSON;

/**
 * Writes the header of a child's message, with the number of the bytes that follow. It is written by hand, because a task
 * may have given strings or arrays a `toJSON`, which `JSON.stringify` would call.
 */
export function headerOf(message: FromChild, bytes: number | undefined): string {
  const rest = bytes === undefined ? "}" : `,"bytes":${bytes}}`;
  switch (message.t) {
    case "done": {
      const { id, ms, ownMs, retriable, cut, next, rss, endedAt } = message;
      const own = ownMs === undefined ? "" : `,"ownMs":${ownMs}`;
      const kept = cut === undefined ? "" : `,"cut":${cut}`;
      const begins = next === undefined ? "" : `,"next":${next}`;
      const memory = rss === undefined ? "" : `,"rss":${rss}`;
      const ended = endedAt === undefined ? "" : `,"endedAt":${endedAt}`;
      return `{"t":"done","id":${id},"ms":${ms}${own},"retriable":${retriable}${kept}${begins}${memory}${ended}${rest}`;
    }
    case "begun":
      return `{"t":"begun","id":${message.id}${rest}`;
    case "skipped":
      return `{"t":"skipped","id":${message.id}${rest}`;
    case "start":
      return `{"t":"start","id":${message.id}${message.offset === undefined ? "" : `,"offset":${message.offset}`}${rest}`;
    case "item":
      return `{"t":"item","id":${message.id},"offset":${message.offset}${rest}`;
    case "log":
      return `{"t":"log","id":${message.id},"index":${message.index}${rest}`;
    case "progress":
      return `{"t":"progress","id":${message.id},"index":${message.index}${rest}`;
    case "ending": {
      // Without a look at other properties: all objects may have inherited some from a task.
      if (message.own === true) return `{"t":"ending","own":true${rest}`;
      const { id, offset } = message;
      const item = id === undefined ? "" : `,"id":${id}${offset === undefined ? "" : `,"offset":${offset}`}`;
      return `{"t":"ending"${item}${rest}`;
    }
    case "pong":
      return `{"t":"pong"${rest}`;
    case "ready":
    case "unfit":
      return stringify(message);
    default:
      return message satisfies never;
  }
}

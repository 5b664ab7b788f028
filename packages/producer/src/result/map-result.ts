import { Handle } from "./handle.ts";

/**
 * The handle of `map` and `starmap`: `await` gives the results in input order, or throws the error of the failed item
 * with the lowest index once all items have ended.
 *
 * @typeParam R - type of one result
 */
export class MapResult<R> extends Handle<R[], R> {}

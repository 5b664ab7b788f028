import { Handle } from "./handle.ts";

/**
 * The handle of `mapReduce` and `starmapReduce`: `await` gives the value into which all results were folded, or throws
 * the error of the failed item with the lowest index once all items have ended.
 *
 * @typeParam R - type of a result, and of the value
 */
export class ReduceResult<R> extends Handle<R, R> {}

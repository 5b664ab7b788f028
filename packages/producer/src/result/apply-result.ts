import { Handle } from "./handle.ts";

/**
 * The handle of `apply`: `await` gives the one result, or throws what the function threw.
 *
 * @typeParam R - type of the result
 */
export class ApplyResult<R> extends Handle<R, R> {}

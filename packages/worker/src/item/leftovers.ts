/**
 * Notices whether code leaves something behind that will continue in the code's async context: a promise, a timer, a
 * request, a bound function. Node and V8 report each of these when it is made.
 *
 * One case is not noticed, because nothing is made: the code gives a thenable of its own to the resolver of an older
 * promise, which calls its `then` later.
 */

import { createHook } from "node:async_hooks";

let made = 0;

// Enabled only while items share a context, because each promise then costs a call of the hook.
const hook = createHook({ init: () => void made++ });

/**
 * Calls the function, which must be synchronous, with a counter of what is left behind meanwhile, and gives its result.
 */
export function watchingLeftovers<V>(fn: (leftovers: () => number) => V): V {
  hook.enable();
  try {
    return fn(leftovers);
  } finally {
    hook.disable();
  }
}

function leftovers(): number {
  return made;
}

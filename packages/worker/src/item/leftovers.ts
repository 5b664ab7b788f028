/**
 * Notices whether code leaves something behind that goes on later in the async context that the code had: a promise, a
 * timer, a request, a bound function. Node and V8 tell of each of these when it is made.
 *
 * Not noticed, because nothing is made, is a thenable of the code's own that it gives to the resolver of an older
 * promise: its `then` is called later.
 */

import { createHook } from "node:async_hooks";

let made = 0;

// Enabled only while items share a context, because each promise then costs a call of the hook.
const hook = createHook({ init: () => void made++ });

/** Calls the function, which must be synchronous, with a counter of what is left behind meanwhile. Gives what it gives. */
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

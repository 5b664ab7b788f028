import { setFlagsFromString } from "node:v8";

/**
 * Tells V8 to free no compiled WebAssembly until its module goes. Must be called before this process starts a thread
 * of the tasks. Threads that start after it take 20 ms longer: V8 drops Node's code cache with a changed flag.
 *
 * V8 keeps the compiled code of WebAssembly once for all threads of a process. Up to the V8 of Node 24, it now and then
 * frees machine code that another thread has just taken up, which ends the whole process (`Check failed:
 * jit_page.has_value()`, or a segmentation fault). It can happen to threads that use no WebAssembly themselves, because
 * Node uses it to strip types, to read CommonJS modules and in `fetch`.
 */
export function keepWasmCode(): void {
  // Other runtimes have another engine, or don't take the flag.
  if (process.versions["bun"] !== undefined || process.versions["deno"] !== undefined) return;
  setFlagsFromString("--no-wasm-code-gc");
}

/**
 * The guard thread asks the main thread through the inspector, which finds globals and no variables of modules: this names
 * the symbol of the function that it calls.
 */
export const LEFTOVER_KEY = "poolmq.task.leftover";

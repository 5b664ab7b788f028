/**
 * Environment variable by which a child knows the worker machine that it belongs to: a pool in a task finds out with it
 * that it would wait for itself. Ids of machines, the innermost last; no address and no name of a queue.
 */
export const RUNS_ON_VARIABLE = "POOLMQ_RUNS_ON";

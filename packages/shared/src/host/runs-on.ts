/**
 * Environment variable with the ids of the worker machines that a child runs on, the innermost last. A pool that is
 * made in a task learns from it that it would wait for its own machine. It holds no address and no name of a queue.
 */
export const RUNS_ON_VARIABLE = "POOLMQ_RUNS_ON";

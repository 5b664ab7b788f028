/** The door `poolmq/control`: cancels and retries the maps of other processes. */

export * from "@poolmq/worker/control";

/**
 * All of poolmq under one name: what calls tasks (`Pool`, `ThreadPool`) and what tasks and worker machines use
 * (`defineTask`, `taskContext`, `runWorker`).
 *
 * Unlike the indexes of the other packages this one names nothing: it gives whatever they give, and a list of its own
 * would only fall behind.
 */

export * from "@poolmq/producer";
export * from "@poolmq/worker";

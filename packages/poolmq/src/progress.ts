/** The door `poolmq/progress`: for people who watch a map on a terminal. */

export * from "@poolmq/producer/progress";

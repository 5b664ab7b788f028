/**
 * What can be done to a queue from outside, for the project's tools and tests. It is an entry point of its own because it
 * needs BullMQ.
 */

export { MachineControl } from "./control/machine-control.ts";
export { MapControl } from "./control/map-control.ts";
export { QueueControl } from "./control/queue-control.ts";

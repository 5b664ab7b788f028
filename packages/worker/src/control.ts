/** What can be done to a queue from outside, for the project's tools and tests. Its own door, since it needs BullMQ. */

export { MachineControl } from "./watch/machine-control.ts";
export { MapControl } from "./watch/map-control.ts";
export { QueueControl } from "./watch/queue-control.ts";

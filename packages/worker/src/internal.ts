/** For the sibling packages; promises nothing to anyone else. */

export { startLocalMachine } from "./local-machine.ts";
export type { LocalMachine, LocalMachineOptions } from "./local-machine.ts";

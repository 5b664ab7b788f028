/**
 * A thread of the child that ends the process when its supervisor is gone, even while user code blocks the main
 * thread: the supervisor holds the other end of fd 4, and the kernel closes it however the supervisor dies.
 */

import { Socket } from "node:net";

const lifeline = new Socket({ fd: 4, readable: true, writable: false });
const end = (): void => void process.kill(process.pid, "SIGKILL");
lifeline.on("close", end);
lifeline.on("error", end);
lifeline.resume();

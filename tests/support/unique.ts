import { randomBytes } from "node:crypto";

let count = 0;

/** Gives a queue name that no other test uses, in this run or in one at the same time. */
export function uniqueQueue(hint = "test"): string {
  count += 1;
  return `${hint}-${process.pid}-${count}-${randomBytes(4).toString("hex")}`;
}

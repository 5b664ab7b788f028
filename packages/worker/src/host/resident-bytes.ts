import { readFileSync } from "node:fs";

/** Linux counts memory in pages; 4 KiB is the page of every platform that Node has binaries for, but some ARM kernels. */
const PAGE_BYTES = 4_096;

/** Gives the resident memory of a process, in bytes; `undefined` where the system has no `/proc`, or it has ended. */
export function residentBytes(pid: number): number | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
    return Number.isFinite(pages) ? pages * PAGE_BYTES : undefined;
  } catch {
    return undefined;
  }
}

/** Ends hosts that take too much memory: more than their own limit, or so much that the container runs out. */

import type { CrewLog } from "../host/crew-log.ts";
import type { ContainerMemory } from "../host/container-memory.ts";
import type { Member } from "./member.ts";

const MIB = 1024 * 1024;

/** A host above `maxMemoryPerChildMb` times this is ended at once, and not after its item. */
const HARD_FACTOR = 1.5;

export interface MemoryWatchOptions {
  /** Number of hosts that there should be. */
  readonly processes: number;
  readonly maxMemoryPerChildMb: number;
  /** Where hosts are processes: what they may take together. */
  readonly memory?: ContainerMemory | undefined;
}

export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #log: CrewLog;
  /**
   * The host that was killed because the container's memory was short. Until it is gone, no other is killed for that
   * reason.
   */
  #victim: Member | undefined;

  constructor(options: MemoryWatchOptions, log: CrewLog) {
    this.#options = options;
    this.#log = log;
  }

  /** Whether there is a limit. */
  get isWatching(): boolean {
    return this.#options.maxMemoryPerChildMb > 0 || this.#options.memory?.hasLimit === true;
  }

  look(members: Iterable<Member>): void {
    this.#killTooLarge(members);
    this.#killLargestIfShort(members);
  }

  gone(member: Member): void {
    if (this.#victim === member) this.#victim = undefined;
  }

  #killTooLarge(members: Iterable<Member>): void {
    const { maxMemoryPerChildMb } = this.#options;
    if (maxMemoryPerChildMb === 0) return;
    for (const member of members) {
      const bytes = member.memoryBytes;
      if (bytes === undefined || bytes <= maxMemoryPerChildMb * HARD_FACTOR * MIB) continue;
      this.#log.warn({ childPid: member.pid, bytes, maxMemoryPerChildMb }, "child killed: too much memory");
      member.killForMemory();
    }
  }

  /** Kills the largest host before the kernel kills some process at the container's limit. */
  #killLargestIfShort(members: Iterable<Member>): void {
    const { memory, processes } = this.#options;
    if (memory === undefined || this.#victim !== undefined || !memory.isShort) return;
    let largest: { readonly member: Member; readonly bytes: number } | undefined;
    for (const member of members) {
      const bytes = member.memoryBytes ?? 0;
      if (bytes > (largest?.bytes ?? 0)) largest = { member, bytes };
    }
    // If no host takes more than its share, a program that a task has started takes the memory: leave that to the kernel.
    if (largest === undefined || largest.bytes < memory.share(processes)) return;
    this.#victim = largest.member;
    this.#log.warn(
      { childPid: largest.member.pid, bytes: largest.bytes },
      "child killed: the container's memory is about to run out",
    );
    largest.member.killForMemory();
  }
}

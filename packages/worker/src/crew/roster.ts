/** The living hosts of a crew, and sums over them. */

import type { ChildDetail } from "@poolmq/shared/internal";

import type { Run } from "../runs/run.ts";
import type { Member } from "./member.ts";

export class Roster implements Iterable<Member> {
  readonly #members = new Set<Member>();
  /** Settled once no host is left; set while somebody waits for that. */
  #emptied: PromiseWithResolvers<void> | undefined;
  /** Number of hosts that there should be. */
  wanted: number;

  constructor(wanted: number) {
    this.wanted = wanted;
  }

  [Symbol.iterator](): IterableIterator<Member> {
    return this.#members.values();
  }

  get size(): number {
    return this.#members.size;
  }

  add(member: Member): void {
    this.#members.add(member);
  }

  delete(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#emptied?.resolve();
  }

  /** Resolves once none is left. */
  async empty(): Promise<void> {
    if (this.#members.size === 0) return;
    this.#emptied ??= Promise.withResolvers();
    await this.#emptied.promise;
  }

  /** Process ids; of threads, their numbers. */
  get pids(): number[] {
    return [...this.#members].map((member) => member.pid);
  }

  /** Number of hosts that can run something. */
  get ready(): number {
    let ready = 0;
    for (const member of this.#members) if (member.isReady) ready++;
    return ready;
  }

  /** How many more runs could begin immediately, if each host can run `concurrency`. */
  idlePlaces(concurrency: number): number {
    let idle = 0;
    for (const member of this.#members) if (member.isReady) idle += Math.max(0, concurrency - member.load);
    return idle;
  }

  /** Resident memory of all of them, as far as the system tells. */
  get memoryBytes(): number {
    let bytes = 0;
    for (const member of this.#members) bytes += member.memoryBytes ?? 0;
    return bytes;
  }

  /** Whether any of them has a run. */
  get hasRuns(): boolean {
    for (const member of this.#members) if (member.load > 0) return true;
    return false;
  }

  /** Number of runs that they have, and number of those that run. */
  get load(): { readonly sent: number; readonly running: number } {
    let sent = 0;
    let running = 0;
    for (const member of this.#members) {
      sent += member.load;
      running += member.running;
    }
    return { sent, running };
  }

  /** What each of them runs and ran. */
  get details(): ChildDetail[] {
    return [...this.#members].flatMap((member) => member.detail ?? []);
  }

  /**
   * Kills each host that runs this item, which is charged with it: there are two if a job was sent to another server because
   * the first one was silent. Gives their process ids.
   */
  killItem(mapId: string, index: number): number[] {
    return [...this].flatMap((member) => (member.killItem(mapId, index) ? member.pid : []));
  }

  /** Asks for the items back that have not begun, of jobs of a map (by first index). What each keeps is told by `Run.onCut`. */
  cut(mapId: string, jobs: readonly number[]): void {
    for (const member of this) member.cut(({ run: { map, at } }) => map === mapId && jobs.includes(at));
  }

  /** Gives the stack of what a host executes now; `undefined` if there is no such host, or it does not answer. */
  async stackOf(pid: number): Promise<readonly string[] | undefined> {
    for (const member of this) if (member.pid === pid) return await member.watch.stack();
    return undefined;
  }

  /** Number of hosts that are not about to end, as far as is known. */
  get stayingCount(): number {
    let staying = 0;
    for (const member of this.#members) if (!member.isRetiring) staying++;
    return staying;
  }

  /** The hosts that are not about to end, the least busy first. */
  get staying(): Member[] {
    return [...this.#members].filter((member) => !member.isRetiring).toSorted((a, b) => a.load - b.load);
  }

  /** The hosts that were told to end and have not ended yet, the longest ago first. */
  get stopping(): Member[] {
    return [...this.#members].filter((member) => member.isStopping);
  }

  /**
   * The host that has the fewest runs, and fewer than `limit`.
   *
   * @param run - the run that it is for. If that is a backup, the host that may be running the same chunk comes last
   */
  freest(limit: number, run?: Run): Member | undefined {
    let freest: Member | undefined;
    let slow: Member | undefined;
    for (const member of this.#members) {
      if (!member.hasPlace || member.load >= limit) continue;
      if (run?.isBackup === true && isRunning(member, run)) slow = member;
      else if (freest === undefined || member.load < freest.load) freest = member;
    }
    return freest ?? slow;
  }
}

function isRunning({ detail }: Member, { map, at }: Run): boolean {
  return detail?.runs.some((run) => run.map === map && run.at === at) === true;
}

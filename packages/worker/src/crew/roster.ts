/** The living hosts of a crew, and sums over them. */

import type { ChildDetail } from "@poolmq/shared/internal";

import type { Run } from "../runs/run.ts";
import type { FetchAhead } from "./fetch-ahead.ts";
import type { LookPace } from "./looker.ts";
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

  /** Reads the messages of hosts that wait. Gives whether there are such hosts. */
  readQuiet(): boolean {
    let reads = false;
    for (const member of this.#members) if (member.quiet?.readNow() === true) reads = true;
    return reads;
  }

  /** How soon the next look is to come, if each of them runs `concurrency` runs, and none waits for a host. */
  paceOfLooks(concurrency: number): LookPace {
    let pace: LookPace = "rest";
    for (const { load, quiet } of this.#members) {
      // A run may be trapped in its pipe.
      if (load > concurrency && quiet?.isQuiet !== true) return "often";
      if (load > 0) pace = "calm";
    }
    return pace;
  }

  /** Number of runs that wait in their pipes, if each runs `concurrency` of them. */
  waiting(concurrency: number): number {
    let waiting = 0;
    for (const member of this.#members) waiting += Math.max(0, member.load - concurrency);
    return waiting;
  }

  /** Asks the busiest host for a run that waits there, if another one has nothing to do. */
  spread(concurrency: number): void {
    if (this.freest(1) === undefined) return;
    let busiest: Member | undefined;
    for (const member of this.#members) if (member.load > (busiest?.load ?? concurrency)) busiest = member;
    busiest?.back.revokeLast();
  }

  /**
   * Kills each host that runs this item, which is charged with it: there are two if a job was sent to another server because
   * the first one was silent. Gives their process ids.
   */
  killItem(mapId: string, index: number): number[] {
    // Another run may have begun on a host of which that is not read yet: it must not be charged.
    this.readQuiet();
    return [...this].flatMap((member) => (member.killItem(mapId, index) ? member.pid : []));
  }

  /** Asks for the items back that have not begun, of jobs of a map (by first index). What each keeps is told by `Run.onCut`. */
  cut(mapId: string, jobs: readonly number[]): void {
    for (const member of this)
      member.back.cutAll(({ run: { map, at } }) => map === mapId && jobs.includes(at));
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
   * @param paced - set if runs are to wait in its pipe for longer: not behind one that has been running for long
   */
  freest(limit: number, run?: Run, paced?: FetchAhead["paced"]): Member | undefined {
    let freest: Member | undefined;
    let slow: Member | undefined;
    for (const member of this.#members) {
      if (!member.hasPlace || member.load >= limit) continue;
      if (paced !== undefined && member.load >= paced.concurrency && member.back.isLong(paced.longMs))
        continue;
      if (run?.isBackup === true && isRunning(member, run)) slow = member;
      else if (freest === undefined || member.load < freest.load) freest = member;
    }
    return freest ?? slow;
  }
}

function isRunning({ detail }: Member, { map, at }: Run): boolean {
  return detail?.runs.some((run) => run.map === map && run.at === at) === true;
}

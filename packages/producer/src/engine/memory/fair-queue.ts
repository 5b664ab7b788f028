/**
 * Jobs of several maps that wait for a worker. Urgent maps go first; maps that are equally urgent get equal shares of the
 * workers' time, whatever the number and the length of their jobs.
 *
 * Each map has a line of its own jobs and an account of the time that they took. The next job is that of the line with
 * the least on its account. How long a job takes is not known before it ran, so its line is charged with the mean of its
 * jobs, and the difference is corrected afterwards. A line that is new, or comes back, starts where the others are:
 * it has no claim to the time before it.
 */

interface Job {
  readonly map: { readonly id: string };
  /** A lower number is more urgent; `undefined` is the least urgent. */
  readonly priority: number | undefined;
}

interface Line<J> {
  rank: number;
  /** Number of the line, by which those with equal accounts are ordered. */
  readonly no: number;
  /** The line's jobs. Those before `head` have had their turn. */
  jobs: J[];
  head: number;
  /** The time that its jobs have taken, in ms. */
  spentMs: number;
  /**
   * The correction of `spentMs` that is due at its next turn, in ms. It is delayed because the line's place in the heap
   * depends on `spentMs`.
   */
  owedMs: number;
  /** Moving mean of a job's time, in ms; `undefined` before the first has ended. */
  meanMs: number | undefined;
  /** Whether it has a place in the heap. */
  isWaiting: boolean;
}

/** What a job is charged with before any job of its map has ended, in ms. */
const UNKNOWN_MS = 1;

/** Jobs that had their turn are removed from a line in bulk, because each `shift()` moves all jobs behind. */
const MAX_HEAD = 1_024;

export class FairQueue<J extends Job> {
  readonly #lines = new Map<string, Line<J>>();
  /** Lines with waiting jobs, as a binary heap: the next one is first. */
  readonly #heap: Line<J>[] = [];
  /** The account of the line that was served last, for each rank. */
  readonly #now = new Map<number, number>();
  #nextNo = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(job: J): void {
    const line = this.#lineOf(job);
    line.jobs.push(job);
    this.#size++;
    this.#enter(line);
  }

  /** Puts back a job that had its turn, in front of its line. */
  putBack(job: J): void {
    const line = this.#lineOf(job);
    if (line.head > 0) line.jobs[--line.head] = job;
    else line.jobs.unshift(job);
    line.owedMs -= line.meanMs ?? UNKNOWN_MS;
    this.#size++;
    this.#enter(line);
  }

  next(): J | undefined {
    const line = this.#first();
    const job = line?.jobs[line.head];
    if (line === undefined || job === undefined) return undefined;
    this.#size--;
    if (++line.head > MAX_HEAD || line.head === line.jobs.length) {
      line.jobs = line.jobs.slice(line.head);
      line.head = 0;
    }
    this.#now.set(line.rank, line.spentMs);
    line.spentMs += line.meanMs ?? UNKNOWN_MS;
    if (line.jobs.length === line.head) this.#leave();
    else this.#sink();
    return job;
  }

  /** Notes the time that a job of the map took. */
  ran(mapId: string, ms: number): void {
    const line = this.#lines.get(mapId);
    if (line === undefined) return;
    line.owedMs += ms - (line.meanMs ?? UNKNOWN_MS);
    line.meanMs = line.meanMs === undefined ? ms : line.meanMs * 0.9 + ms * 0.1;
  }

  /** Forgets a map and its waiting jobs. */
  remove(mapId: string): void {
    const line = this.#lines.get(mapId);
    if (line === undefined) return;
    this.#lines.delete(mapId);
    this.#size -= line.jobs.length - line.head;
    if (line.isWaiting) this.#rebuild(this.#heap.filter((other) => other !== line));
  }

  /** Sets the priority of a map and of its waiting jobs. */
  setPriority(mapId: string, priority: number = Infinity): void {
    const line = this.#lines.get(mapId);
    if (line === undefined || line.rank === priority) return;
    line.rank = priority;
    line.spentMs = Math.max(line.spentMs, this.#now.get(priority) ?? 0);
    this.#rebuild([...this.#heap]);
  }

  #rebuild(lines: readonly Line<J>[]): void {
    this.#heap.length = 0;
    for (const line of lines) this.#push(line);
  }

  /** The line whose turn it is, with its account corrected. */
  #first(): Line<J> | undefined {
    for (;;) {
      const [line] = this.#heap;
      if (line === undefined || line.owedMs === 0) return line;
      line.spentMs += line.owedMs;
      line.owedMs = 0;
      this.#sink();
    }
  }

  #lineOf({ map, priority = Infinity }: J): Line<J> {
    let line = this.#lines.get(map.id);
    if (line === undefined) {
      line = {
        rank: priority,
        no: this.#nextNo++,
        jobs: [],
        head: 0,
        spentMs: 0,
        owedMs: 0,
        meanMs: undefined,
        isWaiting: false,
      };
      this.#lines.set(map.id, line);
    }
    return line;
  }

  #enter(line: Line<J>): void {
    if (line.isWaiting) return;
    line.isWaiting = true;
    line.spentMs = Math.max(line.spentMs + line.owedMs, this.#now.get(line.rank) ?? 0);
    line.owedMs = 0;
    this.#push(line);
  }

  #push(line: Line<J>): void {
    const heap = this.#heap;
    let at = heap.push(line) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !goesBefore(line, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = line;
  }

  /** Removes the first line from the heap. */
  #leave(): void {
    const [first] = this.#heap;
    if (first !== undefined) first.isWaiting = false;
    const last = this.#heap.pop();
    if (last === undefined || last === first) return;
    this.#heap[0] = last;
    this.#sink();
  }

  /** Moves the first line of the heap down to its right place. */
  #sink(): void {
    const heap = this.#heap;
    const [line] = heap;
    if (line === undefined) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const [a, b] = [heap[left], heap[right]];
      if (a === undefined) break;
      const [child, place] = b !== undefined && goesBefore(b, a) ? [b, right] : [a, left];
      if (!goesBefore(child, line)) break;
      heap[at] = child;
      at = place;
    }
    heap[at] = line;
  }
}

function goesBefore(a: Line<unknown>, b: Line<unknown>): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank;
  return a.spentMs === b.spentMs ? a.no < b.no : a.spentMs < b.spentMs;
}

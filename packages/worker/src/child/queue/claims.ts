/**
 * Who has a run: the child's main thread, once it begins it, or its guard thread, which takes it back for the
 * supervisor. One word of shared memory per place decides between the two.
 *
 * A place holds the id of the run that began there last, or minus the id of the one that was taken back last. Ids only
 * grow, and the supervisor gives a place to a new run only when the old one has ended and no revocation of it is on its
 * way. So if the word holds neither the id of a run nor minus that id, the run has not begun.
 *
 * A second word per place says the same of the items of a run of several: the number of those that the main thread has
 * claimed, from the first on; or, once the guard has cut the run, minus that number, and no further item begins.
 */

/** Makes a table of claims with `places` places. */
export function makeClaims(places: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(2 * places * Int32Array.BYTES_PER_ELEMENT));
}

/** The main thread begins a run. False if it was taken back. */
export function claim(claims: Int32Array<SharedArrayBuffer>, slot: number, id: number): boolean {
  return decide(claims, slot, id, id);
}

/** The guard takes a run back. False if it has begun. */
export function revoke(claims: Int32Array<SharedArrayBuffer>, slot: number, id: number): boolean {
  return decide(claims, slot, id, -id);
}

/** The main thread is about to begin a run of several items. The first item can't be taken back any more. */
export function openItems(claims: Int32Array<SharedArrayBuffer>, slot: number): void {
  Atomics.store(claims, wordOf(claims, slot), 1);
}

/** The main thread claims the items of its run up to `to`, having claimed those up to `from`. False if the run was cut. */
export function claimItems(
  claims: Int32Array<SharedArrayBuffer>,
  slot: number,
  from: number,
  to: number,
): boolean {
  return Atomics.compareExchange(claims, wordOf(claims, slot), from, to) === from;
}

/** The guard cuts a run: it keeps the items that it has claimed, and begins no other. Gives their number; 0 if the run is not under way. */
export function cutItems(claims: Int32Array<SharedArrayBuffer>, slot: number, id: number): number {
  const word = wordOf(claims, slot);
  for (;;) {
    const before = Atomics.load(claims, word);
    if (Atomics.load(claims, slot) !== id) return 0;
    if (before < 0) return -before;
    if (Atomics.compareExchange(claims, word, before, -before) === before) return before;
  }
}

function wordOf(claims: Int32Array<SharedArrayBuffer>, slot: number): number {
  return claims.length / 2 + slot;
}

function decide(claims: Int32Array<SharedArrayBuffer>, slot: number, id: number, word: number): boolean {
  const before = Atomics.load(claims, slot);
  if (before === id || before === -id) return before === word;
  // Fails if the other thread has written meanwhile.
  return Atomics.compareExchange(claims, slot, before, word) === before;
}

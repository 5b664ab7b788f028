/**
 * Who has a run: the child's main thread, once it begins it, or its guard thread, which takes it back for the
 * supervisor. One word of shared memory per place decides between the two.
 *
 * A place holds the id of the run that began there last, or minus the id of the one that was taken back last. Ids only
 * grow, and the supervisor gives a place to a new run only when the old one has ended and no revocation of it is on its
 * way: so a word that names neither means that the run has not begun.
 */

/** Makes a table of claims with so many places. */
export function makeClaims(places: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(places * Int32Array.BYTES_PER_ELEMENT));
}

/** The main thread begins a run. False if it was taken back. */
export function claim(claims: Int32Array<SharedArrayBuffer>, slot: number, id: number): boolean {
  return decide(claims, slot, id, id);
}

/** The guard takes a run back. False if it has begun. */
export function revoke(claims: Int32Array<SharedArrayBuffer>, slot: number, id: number): boolean {
  return decide(claims, slot, id, -id);
}

function decide(claims: Int32Array<SharedArrayBuffer>, slot: number, id: number, word: number): boolean {
  const before = Atomics.load(claims, slot);
  if (before === id || before === -id) return before === word;
  // Fails if the other thread has written meanwhile.
  return Atomics.compareExchange(claims, slot, before, word) === before;
}

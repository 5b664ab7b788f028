/**
 * How long things are kept in Redis, and after which silence a process is taken for dead. Each duration is defined once,
 * here.
 */

/**
 * How long a map's keys outlive the last sign of its producer or workers, in ms. If it passes while the producer
 * still lives (a laptop that slept), the next reconcile opens the map again: that costs time, not results.
 */
export const MAP_TTL_MS: number = 10 * 60_000;

/** How long a durable map waits for someone to fetch it, in ms. */
export const DURABLE_TTL_MS: number = 24 * 60 * 60_000;

/** How long the failed jobs of a map with `keepFailed` are kept after its end, in ms. */
export const KEPT_FAILURES_MS: number = 24 * 60 * 60_000;

/** After a durable map was delivered, other processes that read its outcomes have this long to finish, in ms. */
export const LATE_READERS_MS = 30_000;

/**
 * How long a cancel is kept for machines that were cut off, and how long a signed one is valid, in ms. A machine that is
 * cut off for longer has lost its locks long ago, and other machines run its items.
 */
export const CANCEL_TTL_MS: number = 10 * 60_000;

/** How long a machine counts as live after a heartbeat, in ms: it beats once a second, and may miss a few. */
export const MACHINE_TTL_MS = 5_000;

/**
 * How long what a silent machine offers is remembered, in ms, if it did not sign off. On a computer that is busy with other
 * things, a machine may be silent for longer than `MACHINE_TTL_MS` and come back: until it is forgotten, no item fails because
 * no other machine has its function.
 */
export const MACHINE_KEPT_MS = 30_000;

/** How long machines go on telling what they run after a watcher's last look, in ms. */
export const WATCH_TTL_MS = 5_000;

/**
 * A producer that is silent for this long is taken for dead, in ms. It reports its maps every second, and durable ones
 * every three; a failover of Redis may keep it from that for some seconds.
 */
export const PRODUCER_SILENCE_MS = 10_000;

/**
 * A producer that dies within a second has not reported its map yet. A live one renews the map's keys every minute: if
 * that was not done for this long, in ms, it is taken for dead.
 */
export const UNTOLD_SILENCE_MS = 75_000;

/**
 * A fleet and its queue in simulated time: maps keep a `WorkWindow` each, and the queue serves first what came first, as one
 * does that BullMQ limits. Turns of maps are tested in `tests/integration/bullmq/turns.test.ts`.
 */

import { WorkWindow } from "@poolmq/producer/internal";

export interface SimulatedMap {
  readonly items: number;
  readonly ms: number;
  /** When it is called. @defaultValue 0 */
  readonly at?: number;
}

export interface Served {
  /** Items that have begun. */
  readonly begun: number[];
  /** When each map had its last outcome. */
  readonly endedAt: (number | undefined)[];
}

/** Runs maps on so many slots, until all have ended or the time is over. Redis and the producers take no time. */
export function serve(maps: readonly SimulatedMap[], slots: number, untilMs = Infinity): Served {
  let now = 0;
  const queue: number[] = [];
  const running: { map: number; endsAt: number }[] = [];
  const state = maps.map(() => ({
    window: new WorkWindow(
      () => slots,
      () => now,
    ),
    sent: 0,
    begun: 0,
    done: 0,
  }));
  const endedAt: (number | undefined)[] = maps.map(() => undefined);
  const fill = (no: number): void => {
    const [map, own] = [maps[no], state[no]];
    if (map === undefined || own === undefined || (map.at ?? 0) > now) return;
    for (;;) {
      const underWay = own.sent - own.done;
      if (own.sent === map.items || !own.window.hasRoom({ jobs: underWay, items: underWay })) return;
      own.sent++;
      queue.push(no);
    }
  };
  const calls = [...new Set(maps.map(({ at = 0 }) => at))].toSorted((a, b) => a - b);
  while (now < untilMs && endedAt.includes(undefined)) {
    for (const no of maps.keys()) if ((maps[no]?.at ?? 0) === now) fill(no);
    while (running.length < slots && queue.length > 0) {
      const map = queue.shift() ?? 0;
      const own = state[map];
      if (own !== undefined) own.begun++;
      running.push({ map, endsAt: now + (maps[map]?.ms ?? 0) });
    }
    running.sort((a, b) => a.endsAt - b.endsAt);
    const next = calls.find((at) => at > now) ?? Infinity;
    const ended = (running[0]?.endsAt ?? Infinity) <= next ? running.shift() : undefined;
    now = ended?.endsAt ?? next;
    const own = ended === undefined ? undefined : state[ended.map];
    if (ended === undefined || own === undefined) continue;
    own.done++;
    own.window.ran(1, maps[ended.map]?.ms ?? 0);
    if (own.done === maps[ended.map]?.items) endedAt[ended.map] = now;
    fill(ended.map);
  }
  return { begun: state.map(({ begun }) => begun), endedAt };
}

/** 1 if all shares are equal, 1/n if one has all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((squares, share) => squares + share ** 2, 0));
}

import { describe, expect, test } from "vitest";

import { HeldBytes } from "../../../packages/worker/src/job/context/held-bytes.ts";

/** Those that have asked for room, by what they asked for, in the order in which they got it. */
class Askers {
  readonly held: HeldBytes;
  readonly served: number[] = [];

  constructor(max: number) {
    this.held = new HeldBytes(max);
  }

  async ask(...bytes: number[]): Promise<number[]> {
    for (const each of bytes) void this.held.take(each).then(() => this.served.push(each));
    return await this.now();
  }

  async give(bytes: number): Promise<number[]> {
    this.held.give(bytes);
    return await this.now();
  }

  /** Once all that could go on has done so. */
  async now(): Promise<number[]> {
    await new Promise(setImmediate);
    return this.served;
  }
}

describe("the bytes that a machine holds", () => {
  test("are no more than there is room for; the others wait, and come in their order", async () => {
    const askers = new Askers(100);
    expect(await askers.ask(60, 41, 10, 40)).toEqual([60]);
    expect(await askers.give(60)).toEqual([60, 41, 10, 40]);
  });

  test("do not let small ones pass a large one for ever", async () => {
    const askers = new Askers(100);
    expect(await askers.ask(90, 50, 1)).toEqual([90]);
    expect(await askers.give(90)).toEqual([90, 50, 1]);
  });

  test("may be of one that is larger than all the room, alone", async () => {
    const askers = new Askers(100);
    expect(await askers.ask(10, 500, 10)).toEqual([10]);
    expect(await askers.give(10)).toEqual([10, 500]);
    expect(await askers.give(500)).toEqual([10, 500, 10]);
  });

  test("include outcomes, which do not wait, and keep others from beginning", async () => {
    const askers = new Askers(100);
    askers.held.add(150);
    expect(askers.held.isFull).toBe(true);
    expect(await askers.ask(0, 20)).toEqual([]);
    expect(await askers.give(60)).toEqual([0]);
    expect(await askers.give(10)).toEqual([0, 20]);
    expect(askers.held.isFull).toBe(true);
  });
});

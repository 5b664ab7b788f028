/** What pages are sent once a second, put together again as the page does it. */

import { ListChanges, MachineChanges, type PageMachine } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

import { changedList, changedMachines } from "../../../packages/worker/page/changed-list.js";

test("only fields that have changed are sent, and the list comes out the same", () => {
  const changes = new ListChanges<{ id: string; done: number; task: string }>();
  const lists = [
    [{ id: "a", done: 0, task: "t" }],
    [{ id: "a", done: 1, task: "t" }],
    [
      { id: "b", done: 0, task: "u" },
      { id: "a", done: 1, task: "t" },
    ],
    [{ id: "b", done: 3, task: "u" }],
    [],
  ];
  let shown: (typeof lists)[number] = [];
  const sent = lists.map((list) => {
    const change = changes.next(list);
    shown = [...changedList(shown, change)];
    expect(shown).toEqual(list);
    return change;
  });
  expect(sent[1]).toEqual({ changed: [[0, { done: 1 }]] });
  expect(sent[2]).toEqual({ ids: ["b", "a"], changed: [[0, { id: "b", done: 0, task: "u" }]] });
  expect(sent[4]).toEqual({ ids: [], changed: [] });
});

function machine(id: string, children: PageMachine["children"], silentMs = 0): PageMachine {
  return {
    id,
    host: "h",
    pid: 1,
    version: "1",
    node: "24",
    codeVersion: null,
    silentMs,
    processes: 2,
    concurrency: 1,
    tasks: [],
    unfit: null,
    waiting: 0,
    cores: null,
    memoryBytes: null,
    children,
  };
}

test("of a machine's processes only those are sent that have changed", () => {
  const child = (pid: number, items: number) => ({
    id: String(pid),
    pid,
    state: "ready" as const,
    items,
    memoryBytes: null,
    running: [],
  });
  const changes = new MachineChanges();
  const lists = [
    [machine("a", null)],
    [machine("a", [child(1, 0), child(2, 0)])],
    [machine("a", [child(1, 0), child(2, 5)])],
    [machine("b", [child(9, 0)]), machine("a", [child(2, 5)], 3_000)],
    [machine("b", null), machine("a", [child(2, 5)], 3_000)],
  ];
  let shown: readonly PageMachine[] = [];
  const sent = lists.map((list) => {
    const change = changes.next(list);
    shown = changedMachines(shown, change);
    expect(shown).toEqual(list);
    return change;
  });
  expect(sent[2]).toEqual({ changed: [[0, { machine: {}, children: { changed: [[1, { items: 5 }]] } }]] });
});

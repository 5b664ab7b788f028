import { ErrorGroups } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

function groupsOf(...messages: readonly string[]): ErrorGroups {
  const groups = new ErrorGroups();
  for (const [index, message] of messages.entries()) groups.failed(index, new RangeError(message));
  return groups;
}

test("a group says whether its messages differ", () => {
  const groups = groupsOf("row 1", "column 1", "row 1", "column 2");
  expect(groups.counts).toEqual([2, 2]);
  const [rows, columns] = groups.takeChanged().map(([, group]) => group);
  expect(rows).toMatchObject({ message: "row 1", indices: [0, 2] });
  expect(rows).not.toHaveProperty("messagesDiffer");
  expect(columns).toMatchObject({ message: "column 1", messagesDiffer: true });
});

test("a group that has all of its indices is told again once its messages differ, and then no more", () => {
  const groups = groupsOf(...Array.from({ length: 200 }, () => "row 1"));
  const other = groups.another();
  expect(groups.takeChanged()).toHaveLength(1);
  expect(other.takeChanged()).toHaveLength(1);
  groups.failed(200, new RangeError("row 1"));
  expect(groups.takeChanged()).toEqual([]);
  groups.failed(201, new RangeError("row 2"));
  for (const told of [groups, other])
    expect(told.takeChanged()).toMatchObject([[0, { messagesDiffer: true }]]);
  groups.failed(202, new RangeError("row 3"));
  expect(groups.takeChanged()).toEqual([]);
});

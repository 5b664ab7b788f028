import { resolveConnections } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

type Option = Parameters<typeof resolveConnections>[0];

function addresses(option: Option, env: Record<string, string> = {}): string[] | undefined {
  return resolveConnections(option, env)?.map(({ address }) => address);
}

test("one connection is a list of one, and a list is read entry by entry", () => {
  expect(addresses("redis://a")).toEqual(["redis://a:6379"]);
  expect(addresses(["redis://a"])).toEqual(["redis://a:6379"]);
  const sentinel = { sentinels: [{ host: "s" }], name: "main" };
  expect(addresses(["redis://a", new URL("redis://a/1"), { host: "b" }, sentinel])).toEqual([
    "redis://a:6379",
    "redis://a:6379/1",
    "redis://b:6379",
    "main (Sentinel s:26379)",
  ]);
});

test("the environment names one or several, with commas between their URLs", () => {
  expect(addresses(undefined)).toBeUndefined();
  expect(addresses(undefined, { POOLMQ_REDIS_URL: " ", REDIS_URL: "redis://a" })).toEqual(["redis://a:6379"]);
  const [first, second] = resolveConnections(undefined, { REDIS_URL: "redis://:x,y@a:1 , rediss://b" }) ?? [];
  expect([first?.address, second?.address]).toEqual(["redis://a:1", "rediss://b:6379"]);
  expect(first).toMatchObject({ source: "REDIS_URL" });
  expect(first?.target()).toMatchObject({ options: { password: "x,y" } });
});

test.for<[Option, RegExp]>([
  [[], /a list of one or more, got \[\]/],
  [
    ["redis://a", "redis://u:p@a:6379"],
    /`connection` to name each Redis server once, got redis:\/\/a:6379 twice/,
  ],
  [["redis://a", "b"], /`connection` to be a URL such as/],
  [["redis://a", undefined] as unknown as Option, /each entry of `connection` .* got undefined/],
  [["redis://a", ["redis://b"]] as unknown as Option, /got an array/],
])("refuses %j", ([option, message]) => {
  expect(() => addresses(option)).toThrow(message);
});

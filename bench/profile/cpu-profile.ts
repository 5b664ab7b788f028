/** Reads the CPU profiles that Node writes when a process ends (`--cpu-prof`), and adds their samples up by part of the program. */

import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import type { SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";

/** What of the format is used: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  /** By the clock that all processes of a machine share, in µs. */
  readonly startTime: number;
  /** Ids of nodes, and the µs since the sample before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly children?: readonly number[];
}

/** A stretch of the clock that all processes of a machine share, in µs. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where one thread of a process spent its time. */
export interface ThreadTimes {
  readonly role: Role;
  /** By part, in µs. */
  readonly parts: ReadonlyMap<string, number>;
}

export type Role = "producer" | "supervisor" | "child" | "child's guard";

/** A thread is known by the file that it was started with. */
const MAIN_FILES: readonly (readonly [end: string, Role])[] = [
  ["/competitors/poolmq.ts", "producer"],
  ["/local/local-main.js", "supervisor"],
  ["/child/main.js", "child"],
  ["/child/guard.js", "child's guard"],
];

const IDLE = "(idle)";

/** Gives `undefined` for a thread that does not belong to a pool. */
export async function readProfile(path: string, { from, to }: Span): Promise<ThreadTimes | undefined> {
  const { nodes, startTime, samples, timeDeltas } = JSON.parse(await readFile(path, "utf8")) as Profile;
  const role = roleOf(nodes);
  if (role === undefined) return undefined;
  const partOfNode = partsOf(nodes);
  const parts = new Map<string, number>();
  let time = startTime;
  for (const [i, id] of samples.entries()) {
    const passed = timeDeltas[i] ?? 0;
    time += passed;
    if (time < from || time > to) continue;
    const part = partOfNode.get(id) ?? IDLE;
    if (part !== IDLE) parts.set(part, (parts.get(part) ?? 0) + passed);
  }
  return { role, parts };
}

function roleOf(nodes: readonly ProfileNode[]): Role | undefined {
  const urls = new Set(nodes.map(({ callFrame }) => callFrame.url));
  return MAIN_FILES.find(([end]) => [...urls].some((url) => url.endsWith(end)))?.[1];
}

/** The part of each node: that of its own file, or of the nearest caller whose file has one. */
function partsOf(nodes: readonly ProfileNode[]): Map<number, string> {
  const parts = new Map<number, string>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const [root] = nodes;
  const waiting = root === undefined ? [] : [{ node: root, inherited: "Node" }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, inherited } = next;
    const part = partOf(node.callFrame) ?? inherited;
    parts.set(node.id, part);
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child !== undefined) waiting.push({ node: child, inherited: part });
    }
  }
  return parts;
}

/** `queue`, a folder of a package of ours, or the name of another package; undefined for what is Node's own. */
function partOf(frame: ProfileNode["callFrame"]): string | undefined {
  const { functionName, url } = frame;
  if (functionName === IDLE) return IDLE;
  if (functionName === "(garbage collector)") return "garbage collector";
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const name = /\/packages\/(\w+)\/dist\//.exec(url)?.[1];
  return name === undefined ? undefined : `${name}/${folderOf(frame)}`;
}

/** The folder of a package's sources that a function is from: its file in `dist` is made of many. */
function folderOf({ url, lineNumber, columnNumber }: ProfileNode["callFrame"]): string {
  const entry = sourceMapOf(url)?.findEntry(lineNumber, columnNumber);
  const source = entry !== undefined && "originalSource" in entry ? entry.originalSource : url;
  return /\/(?:src|dist)\/(\w[\w-]*)/.exec(source)?.[1] ?? "";
}

const sourceMaps = new Map<string, SourceMap | undefined>();

function sourceMapOf(url: string): SourceMap | undefined {
  if (!sourceMaps.has(url)) {
    const path = `${fileURLToPath(url)}.map`;
    const map = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as SourceMapPayload) : undefined;
    sourceMaps.set(url, map && new SourceMap(map));
  }
  return sourceMaps.get(url);
}

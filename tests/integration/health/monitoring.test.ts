/** What docker/monitoring gives to Prometheus and Grafana, beside the pages that it is about. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { parser } from "@prometheus-io/lezer-promql";
import { expect, test } from "vitest";
import { parse } from "yaml";

import { optionalTool } from "../../support/optional-tool.ts";
import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";

const redis = redisForFile();
const CLI = new URL("../../../packages/worker/src/cli.ts", import.meta.url);
const FOLDER = new URL("../../../docker/monitoring/", import.meta.url);
const promtool = optionalTool("promtool", { probe: ["--version"], from: "Debian's package prometheus" });

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

interface Board {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

function read(file: string): string {
  return readFileSync(new URL(file, FOLDER), "utf8");
}

const RULES = parse(read("alerts.yaml")) as Rules;
const BOARD = JSON.parse(read("grafana.json")) as Board;

const ALERTS = RULES.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => [alert, expr] as const));
const PANELS = BOARD.panels.flatMap(({ title, targets = [] }) =>
  // What Grafana puts in the place of its variables.
  targets.map(
    ({ expr }) => [title, expr.replaceAll("$queue", "q").replaceAll("$__rate_interval", "1m")] as const,
  ),
);

/** The metrics that a query asks for, with the labels by which it chooses. Fails if it is no PromQL. */
function asked(query: string): { readonly metric: string; readonly labels: readonly string[] }[] {
  const selectors: { metric: string; labels: string[] }[] = [];
  parser.parse(query).iterate({
    enter({ type, from, to }) {
      if (type.isError) throw new Error(`${query} is no PromQL from its letter ${from} on`);
      const text = query.slice(from, to);
      if (type.name === "VectorSelector") selectors.push({ metric: text.split("{")[0] ?? "", labels: [] });
      if (type.name === "LabelName") selectors.at(-1)?.labels.push(text);
    },
  });
  return selectors;
}

/** The page of a machine that has run an item, and that of a scale-signal. */
async function metricsPages(): Promise<string[]> {
  const stage = new Stage(redis());
  const machine = await stage.machine({ healthPort: 0 });
  await stage.pool().map("fail", [1], { attempts: 2 }).wait();
  const args = ["scale-signal", "--queue", stage.queue, "--redis", redis().url, "--port", "0"];
  await using signal = Program.file(CLI, { args });
  const [, url = ""] = await signal.line(/serving (http:\/\/[^/]+)/);
  const read = async (from = ""): Promise<string> => await (await fetch(`${from}/metrics`)).text();
  return [await read(machine.healthUrl), await read(url)];
}

/** Names of labels by metric, of all samples. */
function labelsByMetric(pages: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const labelsOf = new Map<string, string[]>();
  for (const [, name = "", labels = ""] of pages.join("\n").matchAll(/^([a-z_]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const known = labelsOf.get(name) ?? ["instance"]; // which Prometheus adds
    labelsOf.set(name, known);
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) known.push(label);
  }
  return labelsOf;
}

test("metrics are named as Prometheus wants it, and every query asks for metrics and labels that there are", async () => {
  const pages = await metricsPages();
  for (const page of pages) {
    for (const [, name = "", type] of page.matchAll(/^# TYPE (\S+) (\w+)$/gm)) {
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      expect(page).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"));
    }
    if (!promtool.missing) expect(promtool.run(["check", "metrics"], page)).toBe("");
  }
  const labelsOf = labelsByMetric(pages);
  for (const [title, query] of [...ALERTS, ...PANELS]) {
    const selectors = asked(query);
    expect(selectors.length, title).toBeGreaterThan(0);
    for (const { metric, labels } of selectors) {
      expect([...labelsOf.keys()], title).toContain(metric);
      expect(labelsOf.get(metric), title).toEqual(expect.arrayContaining([...labels]));
    }
  }
});

test("a query with a mistake is found", () => {
  expect(() => asked("sum by (queue) (rate(poolmq_items_total[5m])")).toThrow(/no PromQL/);
});

test("the rules for the Prometheus operator are those of the plain file", () => {
  expect((parse(read("prometheus-rule.yaml")) as { readonly spec: Rules }).spec).toEqual(RULES);
});

test("each alert has a case that says when it fires", () => {
  for (const [alert] of ALERTS) expect(read("alerts.test.yaml")).toContain(`alertname: ${alert}`);
});

test.skipIf(promtool.missing)("promtool takes the alerts, and each fires when it should", () => {
  promtool.run(["check", "rules", fileURLToPath(new URL("alerts.yaml", FOLDER))]);
  promtool.run(["test", "rules", fileURLToPath(new URL("alerts.test.yaml", FOLDER))]);
});

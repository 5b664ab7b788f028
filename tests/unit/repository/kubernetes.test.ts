/**
 * The manifests of docker/kubernetes, as Kustomize renders them. The renderings are kept in golden/: they are checked on every
 * machine, and where `kubectl` is there, it is checked that they are what it renders today. A digest in them tells on every
 * machine if a manifest has changed since; to render again: `UPDATE_GOLDEN=1 npm test -- --project unit kubernetes`.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";

import { optionalTool } from "../../support/optional-tool.ts";

const DOCKER = fileURLToPath(new URL("../../../docker/", import.meta.url));
const OVERLAYS = ["fixed", "autoscaled"] as const;
type Overlay = (typeof OVERLAYS)[number];

/** Components came with Kustomize 3.7; Debian's kubectl 1.20 has 2.0. */
const kubectl = optionalTool("kubectl", {
  probe: ["version", "--client"],
  suits: (output) => /Kustomize Version: v([5-9]|\d\d)\./.test(output),
  from: "kubectl 1.27 or newer",
});

/** What the tests read of a manifest. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly spec: Spec;
  readonly data?: Readonly<Record<string, string>>;
}

type Labels = Readonly<Record<string, string>>;

interface Spec {
  readonly replicas?: number;
  readonly selector: {
    readonly matchLabels: Labels;
    readonly matchExpressions: readonly { readonly values: readonly string[] }[];
  } & Labels;
  readonly podSelector: { readonly matchLabels: Labels };
  readonly ports: readonly { readonly port: number }[];
  readonly unhealthyPodEvictionPolicy?: string;
  readonly podMetricsEndpoints: readonly { readonly port: string }[];
  readonly scaleTargetRef: { readonly name: string };
  readonly triggers: readonly { readonly metadata: Labels }[];
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly volumes?: readonly { readonly name: string; readonly secret: { readonly secretName: string } }[];
  readonly containers: readonly {
    readonly image: string;
    readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[];
    readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
    readonly env: readonly {
      readonly name: string;
      readonly value?: string;
      readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
    }[];
    readonly ports: readonly { readonly name: string }[];
    readonly resources: { readonly limits: Labels };
    readonly securityContext: object;
  }[];
}

/** A kind, with its schema as the API server and KEDA publish it. */
interface Model {
  new (manifest: unknown): { validate(): void };
}

/**
 * Where the schema of each kind is. Loaded by name: the types of these packages do not hold under the compiler's
 * strictest settings, and are not needed.
 */
const MODELS: Readonly<Record<string, string>> = {
  "v1 ConfigMap": "kubernetes-models/v1",
  "v1 Service": "kubernetes-models/v1",
  "apps/v1 Deployment": "kubernetes-models/apps/v1",
  "policy/v1 PodDisruptionBudget": "kubernetes-models/policy/v1",
  "networking.k8s.io/v1 NetworkPolicy": "kubernetes-models/networking.k8s.io/v1",
  "keda.sh/v1alpha1 ScaledObject": "@kubernetes-models/keda/keda.sh/v1alpha1",
  "monitoring.coreos.com/v1 PodMonitor": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
  "monitoring.coreos.com/v1 PrometheusRule":
    "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
};

async function validate(manifest: Manifest): Promise<void> {
  const kind = `${manifest.apiVersion} ${manifest.kind}`;
  const place = MODELS[kind];
  if (place === undefined) throw new Error(`No schema for ${kind}`);
  const models = (await import(/* @vite-ignore */ place)) as Record<string, Model>;
  const model = models[manifest.kind];
  if (model === undefined) throw new Error(`${place} has no ${manifest.kind}`);
  new model(manifest).validate();
}

function goldenOf(overlay: Overlay): string {
  return fileURLToPath(new URL(`golden/kubernetes-${overlay}.yaml`, import.meta.url));
}

/** Names and contents of all that Kustomize reads. */
function digest(): string {
  const hash = createHash("sha256");
  const files = ["kubernetes", "monitoring"].flatMap((folder) =>
    readdirSync(join(DOCKER, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  for (const file of files.toSorted()) {
    hash.update(`${relative(DOCKER, file)}\n${readFileSync(file, "utf8")}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Versions of Kustomize differ in how they write YAML, and not in what they say. */
function written(rendered: string): string {
  const documents = parseAllDocuments(rendered).map((document) => {
    expect(document.errors).toEqual([]);
    return stringify(document.toJS(), { sortMapEntries: true, aliasDuplicateObjects: false });
  });
  return `# Of manifests with the digest ${digest()}\n${documents.join("---\n")}`;
}

if (process.env["UPDATE_GOLDEN"] === "1") {
  for (const overlay of OVERLAYS) writeFileSync(goldenOf(overlay), written(render(overlay)));
}

function render(overlay: Overlay): string {
  return kubectl.run(["kustomize", join(DOCKER, "kubernetes/overlays", overlay)]);
}

function manifestsOf(overlay: Overlay): readonly Manifest[] {
  return parseAllDocuments(readFileSync(goldenOf(overlay), "utf8")).map(
    (document) => document.toJS() as Manifest,
  );
}

const ALL = OVERLAYS.flatMap((overlay) => manifestsOf(overlay).map((manifest) => ({ overlay, manifest })));

function only(kind: string, name: string, overlay: Overlay = "autoscaled"): Manifest {
  const found = ALL.find(
    (one) => one.overlay === overlay && one.manifest.kind === kind && one.manifest.metadata.name === name,
  );
  if (found === undefined) throw new Error(`No ${kind} of ${overlay} is named ${name}`);
  return found.manifest;
}

test("the renderings are of the manifests as they are", () => {
  for (const overlay of OVERLAYS) expect(readFileSync(goldenOf(overlay), "utf8")).toContain(` ${digest()}\n`);
});

test.skipIf(kubectl.missing).each(OVERLAYS)("kubectl renders %s so", (overlay) => {
  expect(written(render(overlay))).toBe(readFileSync(goldenOf(overlay), "utf8"));
});

test.each(
  ALL.map(({ overlay, manifest }) => [overlay, manifest.kind, manifest.metadata.name, manifest] as const),
)(
  "%s: %s %s fits its schema, and is in the overlay's namespace",
  async (_overlay, _kind, _name, manifest) => {
    await validate(manifest);
    expect(manifest.metadata.namespace).toBe("poolmq");
  },
);

test("a manifest with a mistake does not", async () => {
  const damaged = (change: (pod: Record<string, unknown>) => void): Manifest => {
    const copy = structuredClone(only("Deployment", "poolmq-worker"));
    change(copy.spec.template.spec as unknown as Record<string, unknown>);
    return copy;
  };
  const mistakes = [
    damaged((pod) => (pod["terminationGracePeriodSeconds"] = "45 s")),
    damaged((pod) => (pod["containers"] = [{ image: "x" }])),
    damaged((pod) => delete pod["containers"]),
  ];
  for (const manifest of mistakes) await expect(validate(manifest)).rejects.toThrow();
});

describe("the manifests fit each other", () => {
  const worker = only("Deployment", "poolmq-worker");
  const signal = only("Deployment", "poolmq-scale-signal");
  const dashboard = only("Deployment", "poolmq-dashboard");
  const pods = [worker, signal, dashboard].map((deployment) => deployment.spec.template.spec);

  test("the pods are given longer to end than the worker takes to drain", () => {
    const [container] = worker.spec.template.spec.containers;
    const drainMs = Number(container?.env.find(({ name }) => name === "POOLMQ_SHUTDOWN_TIMEOUT_MS")?.value);
    expect(worker.spec.template.spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(
      drainMs + 10_000,
    );
  });

  test("every selector finds its pods", () => {
    const labels = worker.spec.template.metadata.labels;
    const budget = only("PodDisruptionBudget", "poolmq-worker");
    const policy = only("NetworkPolicy", "poolmq");
    const service = only("Service", "poolmq-scale-signal");
    expect(labels).toMatchObject(worker.spec.selector.matchLabels);
    expect(labels).toMatchObject(budget.spec.selector.matchLabels);
    expect(labels).toMatchObject(policy.spec.podSelector.matchLabels);
    expect(signal.spec.template.metadata.labels).toMatchObject(service.spec.selector);
  });

  test("an unready pod does not hold a node up", () => {
    expect(only("PodDisruptionBudget", "poolmq-worker").spec).toMatchObject({
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    });
  });

  test("a fleet of a fixed size needs nothing that the cluster may lack", () => {
    expect(only("Deployment", "poolmq-worker", "fixed").spec.replicas).toBe(4);
    const groups = manifestsOf("fixed").map(({ apiVersion }) => apiVersion);
    expect([...new Set(groups)].toSorted()).toEqual(["apps/v1", "networking.k8s.io/v1", "policy/v1", "v1"]);
  });

  test("all pods have the same image and the overlay's settings", () => {
    const [settings] = manifestsOf("autoscaled").filter(({ metadata }) =>
      metadata.name.startsWith("poolmq-settings-"),
    );
    expect(settings?.data).toEqual({ POOLMQ_QUEUE: "thumbnails" });
    for (const pod of pods) {
      expect(pod.containers[0]?.envFrom[0]?.configMapRef.name).toBe(settings?.metadata.name);
      expect(pod.containers[0]?.image).toBe("registry.example.com/my-tasks:1.0.0");
    }
  });

  test("whoever must sign has the keys, as a file from a secret", () => {
    for (const pod of [worker, dashboard].map((deployment) => deployment.spec.template.spec)) {
      const [container] = pod.containers;
      const file = container?.env.find(({ name }) => name === "POOLMQ_SIGNING_KEY_FILE")?.value;
      const mount = container?.volumeMounts?.find(({ mountPath }) => file?.startsWith(`${mountPath}/`));
      expect(pod.volumes?.find(({ name }) => name === mount?.name)?.secret.secretName).toBe("poolmq-signing");
    }
    expect(readFileSync(goldenOf("fixed"), "utf8")).not.toContain("SIGNING");
  });

  test("the Prometheus operator finds the ports by their names, and Grafana the board by its label", () => {
    const { spec } = only("PodMonitor", "poolmq");
    const names = spec.selector.matchExpressions.flatMap(({ values }) => values);
    const ports = names.flatMap((name) =>
      only("Deployment", name).spec.template.spec.containers.flatMap((container) => container.ports),
    );
    expect(ports.map(({ name }) => name)).toEqual(spec.podMetricsEndpoints.map(({ port }) => port));
    const board = only("ConfigMap", "poolmq-grafana");
    expect(board.metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    expect(JSON.parse(board.data?.["poolmq.json"] ?? "")).toMatchObject({ uid: "poolmq" });
  });

  test("KEDA scales the workers, by the backlog, which it asks of the service", () => {
    const { spec } = only("ScaledObject", "poolmq-worker");
    expect(spec.scaleTargetRef.name).toBe(worker.metadata.name);
    // Both would set the number.
    expect(worker.spec.replicas).toBeUndefined();
    const [trigger] = spec.triggers;
    const url = new URL(String(trigger?.metadata["url"]));
    const service = only("Service", url.hostname.split(".")[0] ?? "");
    expect(service.spec.ports.map(({ port }) => String(port))).toContain(url.port);
    expect(url.hostname).toBe(`${service.metadata.name}.${service.metadata.namespace}.svc.cluster.local`);
    expect(url.pathname).toBe("/scale-signal");
    expect(trigger?.metadata["valueLocation"]).toBe("backlog");
  });

  test("every container is as confined as the image allows", () => {
    for (const pod of pods) {
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources.limits["memory"]).toBeDefined();
      }
    }
  });

  test("what is secret comes from secrets, which are made apart", () => {
    for (const { manifest } of ALL) expect(manifest.kind).not.toBe("Secret");
    for (const pod of pods) {
      const from = pod.containers[0]?.env.find(({ name }) => name === "POOLMQ_REDIS_URL")?.valueFrom;
      expect(from?.secretKeyRef).toEqual({ name: "poolmq-redis", key: "url" });
    }
    const token = dashboard.spec.template.spec.containers[0]?.env.find(
      ({ name }) => name === "POOLMQ_DASHBOARD_TOKEN",
    );
    expect(token?.valueFrom?.secretKeyRef).toEqual({ name: "poolmq-dashboard", key: "token" });
    for (const overlay of OVERLAYS) {
      expect(readFileSync(goldenOf(overlay), "utf8")).not.toMatch(/rediss?:\/\//);
    }
  });
});

import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";

const FOLDER = new URL("../../../docker/kubernetes/", import.meta.url);

/** What the tests read of a manifest. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Spec;
  readonly stringData?: Readonly<Record<string, string>>;
}

type Labels = Readonly<Record<string, string>>;

interface Spec {
  readonly replicas?: number;
  readonly selector: { readonly matchLabels: Labels } & Labels;
  readonly podSelector: { readonly matchLabels: Labels };
  readonly ports: readonly { readonly port: number }[];
  readonly scaleTargetRef: { readonly name: string };
  readonly triggers: readonly { readonly metadata: Labels }[];
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly containers: readonly {
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
  "v1 Secret": "kubernetes-models/v1",
  "v1 Service": "kubernetes-models/v1",
  "apps/v1 Deployment": "kubernetes-models/apps/v1",
  "policy/v1 PodDisruptionBudget": "kubernetes-models/policy/v1",
  "networking.k8s.io/v1 NetworkPolicy": "kubernetes-models/networking.k8s.io/v1",
  "keda.sh/v1alpha1 ScaledObject": "@kubernetes-models/keda/keda.sh/v1alpha1",
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

const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));

const ALL: readonly { readonly file: string; readonly manifest: Manifest }[] = FILES.flatMap((file) =>
  parseAllDocuments(readFileSync(new URL(file, FOLDER), "utf8")).map((document) => {
    expect(document.errors).toEqual([]);
    return { file, manifest: document.toJS() as Manifest };
  }),
);

function only(kind: string, name: string): Manifest {
  const found = ALL.find(({ manifest }) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`No ${kind} is named ${name}`);
  return found.manifest;
}

test.each(ALL.map(({ file, manifest }) => [file, manifest.kind, manifest] as const))(
  "%s: the %s fits its schema",
  async (_file, _kind, manifest) => {
    await validate(manifest);
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

  test("all but the secret is applied at once, and an unready pod does not hold a node up", () => {
    const text = readFileSync(new URL("kustomization.yml", FOLDER), "utf8");
    const { resources } = parse(text) as { readonly resources: readonly string[] };
    expect([...resources, "secret.yaml"].toSorted()).toEqual(FILES.toSorted());
    expect(only("PodDisruptionBudget", "poolmq-worker").spec).toMatchObject({
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    });
  });

  test("the Prometheus operator finds the ports by their names", () => {
    const text = readFileSync(new URL("monitoring/pod-monitor.yml", FOLDER), "utf8");
    const { spec } = parse(text) as {
      readonly spec: {
        readonly selector: { readonly matchExpressions: readonly { readonly values: readonly string[] }[] };
        readonly podMetricsEndpoints: readonly { readonly port: string }[];
      };
    };
    const names = spec.selector.matchExpressions.flatMap(({ values }) => values);
    const ports = names.flatMap((name) =>
      only("Deployment", name).spec.template.spec.containers.flatMap((container) => container.ports),
    );
    expect(ports.map(({ name }) => name)).toEqual(spec.podMetricsEndpoints.map(({ port }) => port));
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

  test("the address of Redis comes from the secret, and stands nowhere else", () => {
    const secret = only("Secret", "poolmq-redis");
    for (const pod of pods) {
      const from = pod.containers[0]?.env.find(({ name }) => name === "POOLMQ_REDIS_URL")?.valueFrom;
      expect(from?.secretKeyRef.name).toBe(secret.metadata.name);
      expect(Object.keys(secret.stringData ?? {})).toContain(from?.secretKeyRef.key);
    }
    const others = FILES.filter((file) => file !== "secret.yaml");
    for (const file of others) {
      expect(readFileSync(new URL(file, FOLDER), "utf8")).not.toMatch(/rediss?:\/\//);
    }
  });
});

import { readdirSync } from "node:fs";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { defineConfig } from "oxlint";
import type { OxlintOverride } from "oxlint";

/**
 * The folders of each package, from the user's side down. A folder may import those below it in the list, and none above
 * it; type imports count. So there can be no circle between folders, and everything that depends on a folder is above it.
 * What each holds is in docs/architecture.md.
 */
const ORDER = {
  producer: [
    "index.ts",
    "internal.ts",
    "progress.ts",
    "pool",
    "call",
    "call/tasks",
    "engine",
    "engine/memory",
    "embedded-redis",
    "shards",
    "gather",
    "gather/kinds",
    "outcomes",
    "redis",
    "signing",
    "telemetry",
    "options",
    "progress-bar",
    "result",
    "map",
    "map/outcomes",
    "input",
    "account",
  ],
  worker: [
    "cli.ts",
    "cli/serve",
    "cli/look",
    "cli/act",
    "cli/base",
    "index.ts",
    "internal.ts",
    "local.ts",
    "control.ts",
    "dashboard",
    "feed",
    "dev",
    "replay",
    "local",
    "machine",
    "health",
    "supervisor",
    "job",
    "job/context",
    "outcome",
    "queue",
    "crew",
    "runs",
    "host",
    "child",
    "child/queue",
    "child/prints",
    "batch",
    "item",
    "tasks-module",
    "cli/view",
    "control",
    "watch",
    "log",
    "output",
    "pipe",
    "task",
    "worker-options.ts",
    "node-command.ts",
    "version.ts",
  ],
  shared: [
    "index.ts",
    "internal.ts",
    "redis.ts",
    "task.ts",
    "options",
    "bullmq",
    "signing",
    "store/reports",
    "store",
    "store/shards",
    "store/outcomes",
    "store/keys",
    "redis",
    "redis/connection",
    "clients",
    "thrown",
    "values",
    "host",
    "errors",
    "wire-watch.ts",
    "wire-control.ts",
    "wire.ts",
  ],
} as const;

/** One override for each folder, which refuses imports of those above it. */
function arrows(name: keyof typeof ORDER): OxlintOverride[] {
  const src = `packages/${name}/src`;
  const order: readonly string[] = ORDER[name];
  for (const place of placesIn(src)) {
    if (order.includes(place)) continue;
    throw new Error(
      `${src}/${place} has no place in ORDER of oxlint.config.ts: put it above all that it imports`,
    );
  }
  return order.map((place, i) => ({
    files: [place.endsWith(".ts") ? `${src}/${place}` : `${src}/${place}/*.ts`],
    rules: {
      "eslint/no-restricted-imports": [
        "error",
        {
          patterns: order.slice(0, i).map((above) => ({
            regex: specifiers(place, above),
            message: `${place} stands below ${above} in oxlint.config.ts, and arrows go down only. Move what is needed into ${place} or below it, or hand it in as an argument.`,
          })),
        },
      ],
    },
  }));
}

/** Folders with sources in them, and the files beside them. */
function placesIn(src: string): Set<string> {
  const root = fileURLToPath(new URL(src, import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  return new Set(files.map((file) => (dirname(file) === "." ? file : dirname(file))));
}

/** The specifiers with which a file in `from` would import `to`. */
function specifiers(from: string, to: string): string {
  const path = relative(from.endsWith(".ts") ? "." : from, to);
  const start = (path.startsWith(".") ? path : `./${path}`).replaceAll(".", String.raw`\.`);
  return to.endsWith(".ts") ? `^${start}$` : `^${start}/[^/]+$`;
}

export default defineConfig({
  plugins: ["eslint", "typescript", "unicorn", "oxc", "import", "node", "promise", "vitest"],
  categories: { correctness: "error" },
  options: {
    typeAware: true,
    denyWarnings: true,
    reportUnusedDisableDirectives: "error",
  },
  env: { node: true, es2024: true },
  rules: {
    // Forgotten promises are this project's main class of bugs.
    // `checkThenables`: the handle of a map is one.
    "typescript/no-floating-promises": ["error", { checkThenables: true }],
    "typescript/no-misused-promises": "error",
    "typescript/await-thenable": "error",
    "typescript/return-await": ["error", "error-handling-correctness-only"],
    "typescript/only-throw-error": "error",
    "typescript/prefer-promise-reject-errors": "error",
    // `await-thenable` checks the same, with types.
    "unicorn/no-unnecessary-await": "off",
    "promise/no-multiple-resolved": "error",
    "eslint/no-async-promise-executor": "error",

    // If a union gets a member, every switch over it must be looked at.
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],

    "typescript/no-explicit-any": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/no-unsafe-function-type": "error",
    "typescript/no-unnecessary-type-assertion": "error",
    "typescript/no-unnecessary-template-expression": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-import-type-side-effects": "error",
    "typescript/prefer-readonly": "error",
    "typescript/ban-ts-comment": "error",
    "typescript/no-deprecated": "error",
    "typescript/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],

    "eslint/no-unused-vars": [
      "error",
      { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "all" },
    ],
    "eslint/eqeqeq": ["error", "always", { null: "ignore" }],
    "eslint/no-var": "error",
    "eslint/prefer-const": "error",
    "eslint/no-self-compare": "error",
    "eslint/no-constructor-return": "error",
    "eslint/no-fallthrough": "error",
    "eslint/no-case-declarations": "error",
    "eslint/no-unreachable-loop": "error",
    "eslint/no-empty": ["error", { allowEmptyCatch: false }],
    "eslint/preserve-caught-error": "error",
    "unicorn/prefer-node-protocol": "error",
    "unicorn/no-abusive-eslint-disable": "error",
    // Type imports count: if two files need each other's types, make them one file, or three.
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "import/no-self-import": "error",
    "import/no-duplicates": "error",
    "import/no-default-export": "error",

    // `map` and its results are thenables on purpose.
    "unicorn/no-thenable": "off",
    // A library logs to the logger it was given, and never ends its host's process.
    "eslint/no-console": "error",
  },
  overrides: [
    ...arrows("producer"),
    ...arrows("worker"),
    ...arrows("shared"),
    {
      files: [
        "packages/*/src/cli.ts",
        "packages/*/src/cli/**",
        "scripts/**",
        "bench/**",
        "examples/**",
        "docker/**",
      ],
      rules: { "eslint/no-console": "off" },
    },
    {
      files: ["packages/worker/page/**"],
      env: { browser: true, node: false },
      // JavaScript has no `readonly`.
      rules: { "typescript/prefer-readonly": "off" },
    },
    {
      files: ["tests/**"],
      rules: {
        "eslint/no-console": "off",
        // Tests throw strings, null and undefined to see them come back, and write wrong calls to see them refused.
        "typescript/only-throw-error": "off",
        "typescript/prefer-promise-reject-errors": "off",
        "typescript/unbound-method": "off",
        // What `expect.stringContaining()` and its like give is `any`.
        "typescript/no-unsafe-assignment": "off",
        "vitest/expect-expect": "off",
        "vitest/require-to-throw-message": "off",
        "vitest/no-conditional-expect": "off",
        "vitest/warn-todo": "off",
        "vitest/require-mock-type-parameters": "off",
        // The rule knows `test` only by its name, and not the result of `test.extend`.
        "vitest/no-standalone-expect": "off",
        // The second argument is the message.
        "vitest/valid-expect": ["error", { maxArgs: 2 }],
      },
    },
    {
      // Tools look for their configuration in the default export, and BullMQ for its processor.
      files: [
        "*.config.ts",
        "**/*.config.ts",
        "tests/support/*-run.ts",
        "tests/support/nothing-left.ts",
        "bench/competitors/sandboxed-processor.ts",
      ],
      rules: { "import/no-default-export": "off" },
    },
  ],
  // site/ has dependencies of its own, which are not installed here, and without which there are no types.
  // The starter's template finds `poolmq` only once it was written somewhere. Its types are checked there, in a test.
  ignorePatterns: ["**/dist/**", ".cache/**", "site/**", "packages/create-poolmq/**"],
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "poolmq-modules-"));
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(join(folder, "types.ts"), "export interface User { id: number }\nexport const zero = 0;\n");

/** What loading a module failed with. In a process of Node's own: Vitest has a loader that reads more than Node does. */
function messageOf(file: string): string {
  const script = `import { loadTaskModule } from "@poolmq/worker/internal";
    await loadTaskModule(${JSON.stringify(join(folder, file))}).then(console.log, ({ message }) => console.log(message));`;
  const flags = [
    "--conditions=@poolmq/source",
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
  ];
  const { stdout } = spawnSync(process.execPath, [...flags, "--eval", script], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  return stdout.trim();
}

const TASK = "\nexport function task(): void {}\n";

test.each([
  [
    "an enum",
    "enum.ts",
    "export enum Color { Red }",
    "write `const Color = { Red: 0 } as const` in place of the enum",
  ],
  [
    "a parameter property",
    "property.ts",
    "export class P { constructor(readonly x: number) {} }",
    "declare the field",
  ],
  [
    "a namespace",
    "namespace.ts",
    "namespace N { export const x = 1 }",
    "write a module in place of the namespace",
  ],
  [
    "a type imported as a value",
    "type.ts",
    'import { User } from "./types.ts";',
    "write `import type { User }`",
  ],
  [
    "the name of the built file",
    "built.ts",
    'import { zero } from "./types.js"; void zero;',
    "types.ts exists: Node needs the extension of the file itself in an import, so end it in .ts",
  ],
  [
    "no extension",
    "bare.ts",
    'import { zero } from "./types"; void zero;',
    "types.ts exists: Node needs the whole name of a file in an import, so end it in .ts",
  ],
  [
    "JSX",
    "view.tsx",
    "export const view = 1;",
    "Node runs .ts, .mts and .cts files: compile others to .js first",
  ],
])("a module that does not load is told what to do: %s", (_, file, source, remedy) => {
  writeFileSync(join(folder, file), source + TASK);
  expect(messageOf(file)).toContain(remedy);
});

test("a module that is not there, and one that throws, are told as they are", () => {
  expect(messageOf("absent.ts")).toMatch(/^Cannot find module '\S+absent\.ts': there is no such file$/);
  writeFileSync(join(folder, "throws.ts"), `throw new RangeError("no");${TASK}`);
  expect(messageOf("throws.ts")).toBe("no");
});

/** Tests of what the snippets of a page print. */

import { beforeAll, expect, test } from "vitest";

import { commentedOutput, outputsOf } from "./markdown-blocks.ts";
import type { UserProject } from "./user-project.ts";

/** Makes one test a snippet: it prints what its comments say. They run once, together, as the project's `snippets.ts`. */
export function testOutputs(project: UserProject, snippets: readonly string[]): void {
  let outputs: readonly string[] = [];
  beforeAll(async () => {
    await using run = project.shell("node snippets.ts");
    const code = await run.ended;
    expect(code, run.output).toBe(0);
    outputs = outputsOf(run.output);
  });

  test.each(snippets.map((text, i) => [text, i] as const))("%s", (snippet, i) => {
    expect(outputs[i]).toBe(commentedOutput(snippet));
  });
}

import type { ItemOutcome } from "@poolmq/shared/internal";
import { expect } from "vitest";

/** Texts that differ from run to run, with their replacements. */
export type Masks = readonly (readonly [from: string | RegExp, to: string])[];

/** Compares a value with the file `golden/<name>.json` of the contract, after masking what differs from run to run. */
export async function expectGolden(name: string, value: unknown, masks: Masks = []): Promise<void> {
  const text = masked(`${JSON.stringify(value, null, 2)}\n`, masks);
  await expect(text).toMatchFileSnapshot(`../contract/golden/${name}.json`);
}

export function masked(text: string, masks: Masks): string {
  return masks.reduce((rest, [from, to]) => rest.replaceAll(from, to), text);
}

/**
 * Decodes the text of an outcome, so that a difference is readable: JSON within JSON is shown as `{ json: … }`.
 * Stacks and process ids are masked.
 */
export function opened(text: string): unknown {
  if (!text.startsWith("!")) return text;
  const outcomes = JSON.parse(text.slice(1), mask) as ItemOutcome[];
  return [
    "!",
    {
      json: outcomes.map((item) =>
        item.s === "threw" ? { ...item, thrown: openedPayload(item.thrown) } : item,
      ),
    },
  ];
}

/** Decodes a payload that is JSON. */
export function openedPayload(payload: string): unknown {
  return payload.startsWith("~") ? payload : { json: JSON.parse(payload, mask) as unknown };
}

function mask(this: unknown, key: string, value: unknown): unknown {
  if (key === "stack") return `<${typeof value}>`;
  return key === "pid" && value !== 0 ? "<pid>" : value;
}

import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Colours text, where stdout is a terminal that shows colours; `NO_COLOR` and `FORCE_COLOR` are heeded. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export type { Style };

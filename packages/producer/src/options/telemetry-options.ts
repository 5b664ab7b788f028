import { InvalidOptionError } from "@poolmq/shared";
import { checkOptions, inspectBriefly } from "@poolmq/shared/internal";

/** What a pool tells OpenTelemetry, where the program has set it up. */
export interface TelemetryOptions {
  /**
   * Part of the jobs whose items get spans, from 0 to 1: a large map would flood a tracing backend. Those without have the
   * map's trace as one that is not sampled, which the SDK's default sampler goes by: what their tasks do leaves no spans
   * either. @defaultValue 1
   */
  readonly itemSpans?: number | undefined;
}

/** `TelemetryOptions`, checked and complete. */
export interface ResolvedTelemetry {
  readonly itemSpans: number;
}

/** Gives `undefined` if nothing is to be told. @throws InvalidOptionError */
export function checkTelemetry(option: unknown): ResolvedTelemetry | undefined {
  if (option === false) return undefined;
  if (option === undefined || option === true) return { itemSpans: 1 };
  const options = option as TelemetryOptions;
  checkOptions(options, "telemetry options", ["itemSpans"]);
  const { itemSpans = 1 } = options;
  if (typeof itemSpans === "number" && itemSpans >= 0 && itemSpans <= 1) return { itemSpans };
  throw new InvalidOptionError(
    `Expected \`itemSpans\` to be a number from 0 to 1, got ${inspectBriefly(itemSpans)}`,
  );
}

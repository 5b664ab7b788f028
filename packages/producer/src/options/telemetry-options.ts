import { InvalidOptionError } from "@poolmq/shared";
import { checkOptions, inspectBriefly } from "@poolmq/shared/internal";

/** What a pool reports to OpenTelemetry, if the program has set it up. */
export interface TelemetryOptions {
  /**
   * The part of the jobs whose items get spans, from 0 to 1, since a large map would flood a tracing backend. The other
   * jobs carry the map's trace as one that is not sampled; with the SDK's default sampler, their tasks make no spans
   * either. @defaultValue 1
   */
  readonly itemSpans?: number | undefined;
}

/** `TelemetryOptions`, checked and complete. */
export interface ResolvedTelemetry {
  readonly itemSpans: number;
}

/** Gives `undefined` if nothing is to be reported. @throws InvalidOptionError */
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

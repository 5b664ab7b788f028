import type * as api from "@opentelemetry/api";
import type { OpenTelemetry } from "@poolmq/shared/internal";
import { expectTypeOf, test } from "vitest";

test("what is used of OpenTelemetry's API is what it has", () => {
  const take = (_used: OpenTelemetry): void => {};
  expectTypeOf(take).toBeCallableWith({} as typeof api);
});

/** One figure that the model predicted, and what was measured. */

export interface Case {
  /** The fleet and its work. */
  readonly fleet: string;
  readonly what: string;
  readonly unit: string;
  readonly predicted: number;
  readonly measured: number;
}

/** The model is held to this, in %. */
export const ALLOWED_ERROR = 20;

/** How far the prediction is from what was measured, in % of that. */
export function errorOf({ predicted, measured }: Pick<Case, "predicted" | "measured">): number {
  return predicted === measured ? 0 : (100 * (predicted - measured)) / measured;
}
